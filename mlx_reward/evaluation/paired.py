"""Two runs on the same test pairs: is one better than the other, or is it noise?"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlx_reward.evaluation.intervals import draws, interval
from mlx_reward.evaluation.mcnemar import mcnemar_p
from mlx_reward.evaluation.metrics import accuracy
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import read_jsonl

Row = dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """Accuracy of an ``old`` and a ``new`` run on the same pairs.

    ``low`` and ``high`` bound the 95 % interval of the change; ``p`` is McNemar's exact p;
    ``gained`` and ``lost`` are the rows that the new run decides right or wrong instead.
    """

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
    low, high = interval(
        lambda indices: accuracy(after[indices]) - accuracy(before[indices]),
        draws([row["prompt"] for row in new]),
    )
    changed = list(zip(new, before, after, strict=True))
    return Comparison(
        pairs=len(new),
        old=accuracy(before),
        new=accuracy(after),
        low=low,
        high=high,
        p=mcnemar_p(after, before),
        gained=[row for row, b, a in changed if b <= 0 < a],
        lost=[row for row, b, a in changed if a <= 0 < b],
    )


def _pairs_of(rows: Sequence[Row]) -> list[tuple[str, str]]:
    return [(row["id"], row["prompt"]) for row in rows]
