"""How well rewards order the responses to one prompt: rank correlation, NDCG, and what best-of-N by reward gives away."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mlx_reward.data.dataset import PreferenceDataset
from mlx_reward.evaluation.intervals import draws, interval
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.grouping import group_indices


@dataclass(frozen=True)
class Group:
    """One prompt with ``scores`` (N,) of its responses, higher is better, and the model's ``rewards`` (N,)."""

    scores: Array
    rewards: Array


def spearman(group: Group) -> float:
    """Spearman's rank correlation of rewards with scores; NaN where either is constant."""
    from scipy.stats import (
        spearmanr,  # late, for it takes a second that most commands need not wait
    )

    return float(spearmanr(group.scores, group.rewards).statistic) if _varies(group) else math.nan


def kendall(group: Group) -> float:
    """Kendall's tau-b of rewards with scores; NaN where either is constant."""
    from scipy.stats import (
        kendalltau,  # late, for it takes a second that most commands need not wait
    )

    return float(kendalltau(group.scores, group.rewards).statistic) if _varies(group) else math.nan


def ndcg(group: Group) -> float:
    """Normalised discounted cumulative gain of the order by reward (Järvelin & Kekäläinen 2002), gains from 0 for the worst.

    NaN where all scores are equal.
    """
    from sklearn.metrics import (
        ndcg_score,  # late, for it takes a second that most commands need not wait
    )

    gains = group.scores - group.scores.min()
    return float(ndcg_score([gains], [group.rewards])) if gains.any() else math.nan


def regret(group: Group) -> float:
    """How far the best-rewarded response is below the best one, as a share of the distance from best to worst; ties average.

    0 is the best, 1 the worst choice; NaN where all scores are equal.
    """
    best, worst = group.scores.max(), group.scores.min()
    if best == worst:
        return math.nan
    return float(
        (best - group.scores[group.rewards == group.rewards.max()].mean()) / (best - worst)
    )


MEASURES: dict[str, Callable[[Group], float]] = {
    "spearman": spearman,
    "kendall": kendall,
    "ndcg": ndcg,
    "best_of_n_regret": regret,
}


def ranking_figures(groups: Sequence[Group]) -> dict[str, float | int | None]:
    """Mean of each measure over ``groups`` with its 95 % interval, None where no group has one; how many groups there are."""
    found: dict[str, float | int | None] = {"groups": len(groups)}
    for name, measure in MEASURES.items():
        values = np.array([v for v in map(measure, groups) if not math.isnan(v)])
        if len(values) == 0:
            found |= {name: None, f"{name}_low": None, f"{name}_high": None}
            continue
        low, high = interval(
            lambda drawn, values=values: float(values[drawn].mean()), draws(range(len(values)))
        )  # type: ignore[misc]
        found |= {name: float(values.mean()), f"{name}_low": low, f"{name}_high": high}
    return found


def groups_of(test: PreferenceDataset, rewards: Array) -> list[Group]:
    """The prompts of ``test`` with three or more responses, whose scores are how many of the others they beat, less lost to."""
    wins = np.bincount(test.chosen, minlength=len(test.texts)) - np.bincount(
        test.rejected, minlength=len(test.texts)
    )
    return [
        Group(wins[texts].astype(np.float64), rewards[texts])
        for texts in group_indices(test.prompts).values()
        if len(texts) >= 3
    ]


def _varies(group: Group) -> bool:
    return bool(np.ptp(group.scores) > 0 and np.ptp(group.rewards) > 0)
