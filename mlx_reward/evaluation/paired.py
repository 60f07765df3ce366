"""Two models on the same pairs: is one better than the other, or is it noise?"""

import sys
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlx_reward.evaluation.intervals import (
    CHANGE,
    Estimate,
    mean_estimate,
    share_estimate,
)
from mlx_reward.evaluation.metrics import accuracy, correct
from mlx_reward.evaluation.sign_flips import holm, sign_flip_p
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import read_jsonl
from mlx_reward.utils.grouping import group_indices

Row = dict[str, Any]


class Difference(NamedTuple):
    """By how much one accuracy is above another, and the p of a test that they are equal."""

    change: Estimate
    p: float


def difference(better: Array, than: Array, clusters: Sequence[Hashable]) -> Difference:
    """Return the accuracy of the margins ``better`` (P,) less that of ``than`` (P,), pair by pair.

    A tie counts one half in both. Where no pair is decided otherwise, the true share of such pairs
    bounds the difference; it is 0 for sure where the margins themselves are equal.
    """
    changes = correct(better) - correct(than)
    p = sign_flip_p(changes, clusters)
    if np.array_equal(better, than):
        return Difference(Estimate(0.0, 0.0, 0.0), p)
    if changes.any():
        return Difference(mean_estimate(changes, clusters, CHANGE), p)
    most = share_estimate(np.abs(changes), clusters).high
    return Difference(Estimate(0.0, None if most is None else -most, most), p)


@dataclass(frozen=True)
class SubsetChange:
    """Accuracy of both runs on a subset; ``p`` is corrected for the number of subsets."""

    pairs: int
    old: float
    new: float
    p: float


@dataclass(frozen=True)
class Comparison:
    """Accuracy of an ``old`` and a ``new`` run on the same pairs.

    ``low`` and ``high`` bound the 95 % interval of the change, None where there are too few
    clusters for one; ``p`` is that of sign flips by cluster; ``gained`` and ``lost`` are the rows
    that the new run decides right or wrong instead.
    """

    pairs: int
    old: float
    new: float
    low: float | None
    high: float | None
    p: float
    gained: list[Row]
    lost: list[Row]
    subsets: dict[str, SubsetChange]

    @property
    def change(self) -> float:
        return self.new - self.old


def compare_runs(old: Path, new: Path) -> Comparison:
    """Compare two files of test rewards; raise InputError where their pairs are not the same."""
    before = list(read_jsonl(old))
    after = list(read_jsonl(new))
    _check(old, before)
    _check(new, after)
    try:
        return compare_rows(before, after)
    except InputError as error:
        raise InputError(f"{old} and {new}: {error}") from None


def _check(path: Path, rows: Sequence[Row]) -> None:
    """Refuse rows that stage eval did not write."""
    for number, row in enumerate(rows, 1):
        texts = [row.get(name) for name in ("id", "prompt", "subset")]
        logit = row.get("logit")
        is_number = isinstance(logit, int | float) and abs(logit) <= sys.float_info.max
        if not is_number or not all(isinstance(text, str) for text in texts):
            raise InputError(
                f"{path}, line {number}: no reward of a test pair; "
                "name checkpoints/test_rewards.jsonl of a run"
            )


def compare_rows(old: Sequence[Row], new: Sequence[Row]) -> Comparison:
    """Compare the rows of two such files, which must be about the same pairs in the same order."""
    if not old or _pairs_of(old) != _pairs_of(new):
        raise InputError("not the same test pairs; runs can be compared on one split only")
    before = np.array([row["logit"] for row in old])
    after = np.array([row["logit"] for row in new])
    clusters = [cluster_of(row) for row in new]
    change, p = difference(after, before, clusters)
    changed = list(zip(new, before, after, strict=True))
    return Comparison(
        pairs=len(new),
        old=accuracy(before),
        new=accuracy(after),
        low=change.low,
        high=change.high,
        p=p,
        gained=[row for row, b, a in changed if b <= 0 < a],
        lost=[row for row, b, a in changed if a <= 0 < b],
        subsets=_subset_changes(before, after, clusters, [row["subset"] for row in new]),
    )


def cluster_of(row: Row) -> str:
    """Return the cluster of a row of test rewards; files of earlier versions have the prompt."""
    return str(row.get("cluster", row["prompt"]))


def _subset_changes(
    before: Array, after: Array, clusters: Sequence[str], subsets: Sequence[str]
) -> dict[str, SubsetChange]:
    """Return the change of each subset, the p values corrected by Holm."""
    places = group_indices(subsets)
    p_values = {
        name: difference(after[at], before[at], [clusters[i] for i in at]).p
        for name, at in places.items()
    }
    corrected = holm(p_values)
    return {
        name: SubsetChange(len(at), accuracy(before[at]), accuracy(after[at]), corrected[name])
        for name, at in places.items()
    }


def _pairs_of(rows: Sequence[Row]) -> list[tuple[str, str]]:
    return [(row["id"], row["prompt"]) for row in rows]
