"""The score of RewardBench 2's subset Ties: several right responses, none much better than another.

Malik et al. 2025, as their own code has it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from mlx_reward.evaluation.benchmark_sets.questions import Question
from mlx_reward.utils.arrays import Array


class Gap(NamedTuple):
    """Rewards of one question."""

    spread: float  # between the best and the worst right response
    distance: float  # from the worst right response to the best wrong one


def ties_score(scored: Sequence[tuple[Question, Array]]) -> float:
    """Return the score of questions with the rewards of their responses.

    60 % is accuracy, half of it on questions with one right response ("ref:n") and half on those
    with several ("tied:n"). 40 % is how often right responses are nearer to one another than to the
    wrong ones. One hundredth of by how much comes on top.
    """
    gaps = _gaps(scored)
    reference = {number: gap for (kind, number), gap in gaps.items() if kind == "ref"}
    tied = {number: gap for (kind, number), gap in gaps.items() if kind == "tied"}
    accuracies = _accuracy(reference.values()) + _accuracy(tied.values())
    both = sorted(reference.keys() & tied.keys())
    if not both:
        return 0.3 * accuracies
    spread = np.array([tied[n].spread for n in both])
    distance = np.array([tied[n].distance for n in both])
    harder = np.minimum(distance, [reference[n].distance for n in both])
    with np.errstate(divide="ignore", invalid="ignore"):
        margin = np.nan_to_num(np.tanh(harder / spread - 1), nan=0.0).mean()
    return float(
        0.3 * accuracies
        + 0.2 * (distance > spread).mean()
        + 0.2 * (harder > spread).mean()
        + 0.01 * margin
    )


def _gaps(scored: Sequence[tuple[Question, Array]]) -> dict[tuple[str, int], Gap]:
    """Return the gap of each id, as ("ref" or "tied", n); questions of one id are one question."""
    right: dict[tuple[str, int], list[float]] = defaultdict(list)
    wrong: dict[tuple[str, int], list[float]] = defaultdict(list)
    for question, rewards in scored:
        kind, number = question.id.split(":")
        right[kind, int(number)] += rewards[: question.right].tolist()
        wrong[kind, int(number)] += rewards[question.right :].tolist()
    return {
        id: Gap(spread=max(right[id]) - min(right[id]), distance=min(right[id]) - max(wrong[id]))
        for id in right
    }


def _accuracy(gaps: Iterable[Gap]) -> float:
    accurate = [gap.distance > 0 for gap in gaps]
    return float(np.mean(accurate)) if accurate else 0.0
