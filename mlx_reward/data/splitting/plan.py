"""The split of every pair."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlx_reward.config.split import SplitSettings
from mlx_reward.data.pair import Pair, Prompt
from mlx_reward.data.splitting.allocate import Unplaceable, allocate, counts
from mlx_reward.data.splitting.prompts import Prompts, components
from mlx_reward.utils.errors import InputError

SPLITS = ("train", "valid", "test")
EXCLUDED = len(SPLITS)


@dataclass(frozen=True)
class SplitPlan:
    """What becomes of each pair.

    ``splits`` (P,): the index of its split in SPLITS, or EXCLUDED.
    ``clusters`` (P,): a number, equal for pairs that had to share a split.
    """

    splits: "np.ndarray[Any, Any]"
    clusters: "np.ndarray[Any, Any]"
    metrics: dict[str, int]


def plan_splits(
    pairs: Iterable[Pair], benchmark: Iterable[Prompt], settings: SplitSettings, folder: Path
) -> SplitPlan:
    """Return a plan in which pairs whose prompts or groups belong together share a split.

    Pairs whose prompts are in ``benchmark`` are left out. ``folder`` is for temporary files.
    """
    prompts = Prompts(folder, settings.near_duplicates)
    prompt_of_pair, groups_of_prompts = _number(pairs, prompts)
    own = len(prompts)  # the prompts of the pairs come first, those of the benchmark behind them
    benchmark_prompts = np.array([prompts.add(prompt) for prompt in benchmark], dtype=np.int64)
    links = prompts.links()
    related = components(len(prompts), links)
    excluded = np.isin(related[prompt_of_pair], related[benchmark_prompts])
    together = components(
        own + groups_of_prompts[:, 1].max(initial=-1) + 1,
        _link_groups(links, own, groups_of_prompts),
    )
    label = together[prompt_of_pair]
    kept, first, sizes = np.unique(label[~excluded], return_index=True, return_counts=True)
    if not len(kept):
        raise InputError(
            f"split.exclude: all {len(excluded)} pairs have prompts that occur in these files"
        )
    splits = np.full(len(excluded), EXCLUDED, np.uint8)
    try:
        split_of_kept = _allocate(sizes.tolist(), settings)
    except Unplaceable as error:
        line = int(np.flatnonzero(~excluded)[first[error.group]]) + 1
        own_prompts = np.unique(prompt_of_pair[label == kept[error.group]])
        connected = len(own_prompts) > len(np.unique(related[own_prompts]))
        raise InputError(f"{error}; {_remedy(line, len(own_prompts), connected)}") from None
    splits[~excluded] = split_of_kept[np.searchsorted(kept, label[~excluded])]
    return SplitPlan(
        splits,
        label,
        {
            "prompts": own,
            "prompts_linked": int(own - len(np.unique(related[:own]))),
            "groups": len(kept),
            "pairs_excluded": int(excluded.sum()),
            "largest_group_pairs": int(sizes.max()),
        },
    )


def _number(
    pairs: Iterable[Pair], prompts: Prompts
) -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]":
    """Return the number of each pair's prompt (P,), and (prompt, group) for the groups of pairs."""
    prompt_of_pair = array("q")
    groups_of_prompts = array("q")
    numbers: dict[str, int] = {}
    for pair in pairs:
        prompt = prompts.add(pair.prompt)
        prompt_of_pair.append(prompt)
        for group in pair.groups:
            groups_of_prompts.extend((prompt, numbers.setdefault(group, len(numbers))))
    if not prompt_of_pair:
        raise InputError("there are no pairs to split")
    flat = np.array(groups_of_prompts, np.int64)
    return np.frombuffer(prompt_of_pair, np.int64), flat.reshape(-1, 2)


def _link_groups(
    links: "np.ndarray[Any, Any]", own: int, groups_of_prompts: "np.ndarray[Any, Any]"
) -> "np.ndarray[Any, Any]":
    """Return the links between the ``own`` prompts, and links from each prompt to its groups.

    Groups are numbered behind the prompts. Links by way of a benchmark's prompt do not count.
    """
    to_groups = groups_of_prompts + np.array([0, own])
    return np.concatenate([links[(links < own).all(axis=1)], to_groups])


def _remedy(line: int, prompts: int, connected: bool) -> str:
    """Return what to do about the largest group, which begins at ``line``.

    ``connected`` says whether any of its ``prompts`` are near duplicates or go on from another.
    """
    if prompts == 1:
        cause, change = "one prompt", ""
    elif connected:
        cause = f"{prompts} prompts, joined by near duplicates, such as those of one template"
        change = "raise split.near_duplicates (null finds equal prompts only), "
    else:
        cause, change = f"{prompts} prompts with the same value of split.group_by", ""
    return (
        f"that group begins in line {line} of rm_pairwise_train.jsonl and has {cause}; {change}"
        "change split.valid_size and split.test_size, or bring more prompts"
    )


def _allocate(sizes: list[int], settings: SplitSettings) -> "np.ndarray[Any, Any]":
    """Return the index in SPLITS of each group of prompts."""
    valid, test = counts(sum(sizes), settings.valid_size, settings.test_size)
    names = allocate(sizes, valid, test, settings.seed)
    return np.array([SPLITS.index(name) for name in names], np.uint8)
