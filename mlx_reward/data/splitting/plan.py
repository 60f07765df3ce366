"""The split of every pair."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlx_reward.config.split import SplitSettings
from mlx_reward.data.pair import Message, Pair
from mlx_reward.data.splitting.allocate import allocate, counts
from mlx_reward.data.splitting.prompts import Prompts, components
from mlx_reward.utils.errors import InputError

SIDES = ("train", "valid", "test")
EXCLUDED = len(SIDES)
Prompt = str | list[Message]


@dataclass(frozen=True)
class Plan:
    """``sides`` (P,): for each pair its index in SIDES, or EXCLUDED."""

    sides: "np.ndarray[Any, Any]"
    figures: dict[str, int]


def plan(
    pairs: Iterable[Pair], benchmark: Iterable[Prompt], settings: SplitSettings, folder: Path
) -> Plan:
    """Pairs whose prompts belong together share a side; those whose prompts are in ``benchmark`` are left out."""
    prompts = Prompts(folder, settings.near_duplicates)
    of_pair, group_of_pair = _number(pairs, prompts)
    known = len(prompts)
    theirs = np.array([prompts.add(prompt) for prompt in benchmark], dtype=np.int64)
    links = prompts.links()
    related = components(len(prompts), links)
    excluded = np.isin(related[of_pair], related[theirs])
    together = components(
        known + group_of_pair.max(initial=-1) + 1, _ours(links, known, of_pair, group_of_pair)
    )
    label = together[of_pair]
    kept, sizes = np.unique(label[~excluded], return_counts=True)
    sides = np.full(len(of_pair), EXCLUDED, np.uint8)
    if len(kept):
        chosen = _allocate(sizes.tolist(), settings)
        sides[~excluded] = chosen[np.searchsorted(kept, label[~excluded])]
    if not (sides != EXCLUDED).any():
        raise InputError(
            f"split.exclude: all {len(of_pair)} pairs have prompts that occur in these files"
        )
    figures = {
        "prompts": known,
        "prompts_linked": int(known - len(np.unique(related[:known]))),
        "groups": len(kept),
    }
    return Plan(
        sides,
        figures | {"pairs_excluded": int(excluded.sum()), "largest_group_pairs": int(sizes.max())},
    )


def _number(
    pairs: Iterable[Pair], prompts: Prompts
) -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]":
    """(P,) the prompt of each pair, and (P,) its group's number, -1 without one."""
    of_pair, group_of_pair, groups = array("q"), array("q"), dict[str, int]()
    for pair in pairs:
        of_pair.append(prompts.add(pair.prompt))
        group_of_pair.append(
            -1 if pair.group is None else groups.setdefault(pair.group, len(groups))
        )
    if not of_pair:
        raise InputError("there are no pairs to split")
    return np.frombuffer(of_pair, np.int64), np.frombuffer(group_of_pair, np.int64)


def _ours(
    links: "np.ndarray[Any, Any]",
    known: int,
    of_pair: "np.ndarray[Any, Any]",
    group_of_pair: "np.ndarray[Any, Any]",
) -> "np.ndarray[Any, Any]":
    """Links between prompts of the data, and from each prompt to its group, which stands behind the prompts."""
    grouped = group_of_pair >= 0
    to_groups = np.stack([of_pair[grouped], known + group_of_pair[grouped]], axis=1)
    return np.concatenate([links[(links < known).all(axis=1)], to_groups])


def _allocate(sizes: list[int], settings: SplitSettings) -> "np.ndarray[Any, Any]":
    valid, test = counts(sum(sizes), settings.valid_size, settings.test_size)
    return np.array(
        [SIDES.index(side) for side in allocate(sizes, valid, test, settings.seed)], np.uint8
    )
