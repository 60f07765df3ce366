"""How well rewards order the responses to one prompt: rank correlations, NDCG, best-of-N regret."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlx_reward.evaluation.intervals import UNKNOWN, Estimate, mean_estimate
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.grouping import group_indices

if TYPE_CHECKING:  # it imports transformers, for which stage report need not wait
    from mlx_reward.data.dataset import PreferenceDataset


@dataclass(frozen=True)
class Group:
    """N responses to one prompt: their ``scores`` (N,), higher is better, and ``rewards`` (N,)."""

    scores: Array
    rewards: Array


def spearman(group: Group) -> float:
    """Return Spearman's rank correlation of rewards with scores; NaN where either is constant."""
    from scipy.stats import spearmanr  # late: it takes a second, and most commands need it not

    if not _varies(group):
        return math.nan
    return float(spearmanr(group.scores, group.rewards).statistic)


def kendall(group: Group) -> float:
    """Return Kendall's tau-b of rewards with scores; NaN where either is constant."""
    from scipy.stats import kendalltau  # late: it takes a second, and most commands need it not

    if not _varies(group):
        return math.nan
    return float(kendalltau(group.scores, group.rewards).statistic)


def ndcg(group: Group) -> float:
    """Return the normalised discounted cumulative gain of the order by reward.

    Järvelin & Kekäläinen 2002; the gain of a response is its score above that of the worst one. NaN
    where all scores are equal.
    """
    from sklearn.metrics import ndcg_score  # late: it takes a second, and most commands need it not

    gains = group.scores - group.scores.min()
    if not gains.any():
        return math.nan
    return float(ndcg_score([gains], [group.rewards]))


def regret(group: Group) -> float:
    """Return how far the response with the highest reward is below the best one.

    In shares of the distance from best to worst score: 0 is the best, 1 the worst choice. Responses
    that share the highest reward count by their mean; NaN where all scores are equal.
    """
    best = group.scores.max()
    worst = group.scores.min()
    if best == worst:
        return math.nan
    picked = group.scores[group.rewards == group.rewards.max()]
    return float((best - picked.mean()) / (best - worst))


RANKING_METRICS: dict[str, Callable[[Group], float]] = {
    "spearman": spearman,
    "kendall": kendall,
    "ndcg": ndcg,
    "best_of_n_regret": regret,
}


def mean_over_groups(metric: Callable[[Group], float], groups: Sequence[Group]) -> Estimate:
    """Return the mean of ``metric`` over the groups that have one, with its 95 % interval."""
    values = np.array([metric(group) for group in groups])
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return UNKNOWN
    return mean_estimate(values, range(len(values)))


def ranking_metrics(groups: Sequence[Group]) -> dict[str, float | int | None]:
    """Return how many groups there are, and every ranking metric with its interval."""
    found: dict[str, float | int | None] = {"groups": len(groups)}
    for name, metric in RANKING_METRICS.items():
        found |= mean_over_groups(metric, groups).fields(name)
    return found


def groups_of(test: "PreferenceDataset", rewards: Array) -> list[Group]:
    """Return the prompts of ``test`` with three or more responses, from the rewards (N,) of texts.

    The score of a response is how many comparisons it wins, less how many it loses.
    """
    won = np.bincount(test.chosen, minlength=len(test.texts))
    lost = np.bincount(test.rejected, minlength=len(test.texts))
    wins = won - lost
    return [
        Group(wins[texts].astype(np.float64), rewards[texts])
        for texts in group_indices(test.prompts).values()
        if len(texts) >= 3
    ]


def _varies(group: Group) -> bool:
    return bool(np.ptp(group.scores) > 0 and np.ptp(group.rewards) > 0)
