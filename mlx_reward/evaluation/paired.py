"""Two runs on the same test pairs: is one better than the other, or is it noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlx_reward.evaluation.intervals import draws, interval
from mlx_reward.evaluation.length_bias import paired_p
from mlx_reward.evaluation.metrics import accuracy
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import read_jsonl

Row = dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """``change`` in accuracy from old to new with its 95 % interval, McNemar's exact p, and the pairs that flipped."""

    pairs: int
    old: float
    new: float
    low: float
    high: float
    p: float
    gained: list[Row]
    lost: list[Row]

    @property
    def change(self) -> float:
        return self.new - self.old


def compare_runs(old: Path, new: Path) -> Comparison:
    """From two files of rewards that stage ``eval`` wrote; InputError where they are not about the same pairs."""
    before, after = list(read_jsonl(old)), list(read_jsonl(new))
    try:
        return compare_rows(before, after)
    except InputError as error:
        raise InputError(f"{old} and {new}: {error}") from None


def compare_rows(old: Sequence[Row], new: Sequence[Row]) -> Comparison:
    """The same of rows, in the same order."""
    if not old or [(row["id"], row["prompt"]) for row in old] != [
        (row["id"], row["prompt"]) for row in new
    ]:
        raise InputError("not the same test pairs; runs can be compared on one split only")
    before, after = (np.array([row["logit"] for row in rows]) for rows in (old, new))
    drawn = draws([row["prompt"] for row in new])
    low, high = interval(
        lambda indices: accuracy(after[indices]) - accuracy(before[indices]), drawn
    )
    return Comparison(
        pairs=len(new),
        old=accuracy(before),
        new=accuracy(after),
        low=low,
        high=high,
        p=paired_p(after, before),
        gained=[row for row, b, a in zip(new, before, after, strict=True) if b <= 0 < a],
        lost=[row for row, b, a in zip(new, before, after, strict=True) if a <= 0 < b],
    )
