"""How well rewards order the responses to one prompt: rank correlations, NDCG, best-of-N regret."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mlx_reward.evaluation.bradley_terry import bradley_terry, share_ordered
from mlx_reward.evaluation.intervals import (
    CORRELATION,
    UNIT,
    UNKNOWN,
    Bounds,
    Estimate,
    Indices,
    mean_estimate,
)
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.grouping import group_indices

if TYPE_CHECKING:  # it imports transformers, for which stage report need not wait
    from mlx_reward.data.dataset import PreferenceDataset

ORDERED = 2 / 3  # where less is known, a model that agrees with every comparison looks wrong


@dataclass(frozen=True)
class Group:
    """N responses to one prompt: their ``scores`` (N,), higher is better, and ``rewards`` (N,).

    Groups of one ``cluster`` count as one observation. ``ordered`` is of how many two responses it
    is known which is better, by a ranked list or a chain of comparisons.
    """

    scores: Array
    rewards: Array
    cluster: Hashable
    ordered: float = 1.0

    @property
    def is_ranking(self) -> bool:
        """Whether enough of the order is known to hold a model against it."""
        return self.ordered >= ORDERED


def spearman(group: Group) -> float:
    """Return Spearman's rank correlation of rewards with scores.

    It is 0 where all rewards are equal, so that nothing is said, and NaN where all scores are, so
    that there is nothing to say.
    """
    from scipy.stats import spearmanr  # late: it takes a second, and most commands need it not

    if np.ptp(group.scores) == 0:
        return math.nan
    if np.ptp(group.rewards) == 0:
        return 0.0
    return float(spearmanr(group.scores, group.rewards).statistic)


def kendall(group: Group) -> float:
    """Return Kendall's tau-b of rewards with scores; 0 and NaN where Spearman's is."""
    from scipy.stats import kendalltau  # late: it takes a second, and most commands need it not

    if np.ptp(group.scores) == 0:
        return math.nan
    if np.ptp(group.rewards) == 0:
        return 0.0
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


RANKING_METRICS: dict[str, tuple[Callable[[Group], float], Bounds]] = {
    "spearman": (spearman, CORRELATION),
    "kendall": (kendall, CORRELATION),
    "ndcg": (ndcg, UNIT),
    "best_of_n_regret": (regret, UNIT),
}


def mean_over_groups(name: str, groups: Sequence[Group]) -> Estimate:
    """Return the mean of a ranking metric over the groups that have one, with its interval."""
    metric, bounds = RANKING_METRICS[name]
    values = np.array([metric(group) for group in groups])
    known = np.flatnonzero(~np.isnan(values)).tolist()
    if len(known) == 0:
        return UNKNOWN
    return mean_estimate(values[known], [groups[i].cluster for i in known], bounds)


def ranking_metrics(groups: Sequence[Group]) -> dict[str, float | int | None]:
    """Return how many groups there are, and every ranking metric with its interval."""
    found: dict[str, float | int | None] = {"groups": len(groups)}
    for name in RANKING_METRICS:
        found |= mean_over_groups(name, groups).fields(name)
    return found


def groups_of(test: "PreferenceDataset", rewards: Array) -> list[Group]:
    """Return the three or more responses to a prompt that comparisons link, as one group each.

    ``rewards`` (N,) are those of the texts of ``test``. Scores are those of the ranked list that
    the pairs come from; without one, those of Bradley and Terry from the comparisons.
    """
    linked = _linked(test)
    scores = _listwise_scores(test)
    groups = []
    for pairs in group_indices(linked[test.chosen].tolist()).values():
        both = np.concatenate([test.chosen[pairs], test.rejected[pairs]])
        texts, ends = np.unique(both, return_inverse=True)
        if len(texts) < 3:
            continue
        own, ordered = scores[texts], 1.0
        if np.isnan(own).any():
            won, lost = ends[: len(pairs)], ends[len(pairs) :]
            own = bradley_terry(len(texts), won, lost)
            ordered = share_ordered(len(texts), won, lost)
        groups.append(Group(own, rewards[texts], test.pairs[pairs[0]].cluster_key, ordered))
    return groups


def _linked(test: "PreferenceDataset") -> Indices:
    """Return a number (N,) for each text, equal for texts that comparisons link."""
    edges = (np.ones(len(test.pairs), np.int8), (test.chosen, test.rejected))
    graph = coo_array(edges, shape=(len(test.texts), len(test.texts)))
    labels = connected_components(graph, directed=False)[1]
    return np.asarray(labels, dtype=np.int64)


def _listwise_scores(test: "PreferenceDataset") -> Array:
    """Return the score (N,) of each text in a ranked list, NaN without one or with several."""
    scores = np.full(len(test.texts), math.nan)
    several = np.zeros(len(test.texts), dtype=bool)
    for index, pair in enumerate(test.pairs):
        for text, score in (
            (test.chosen[index], pair.score_chosen),
            (test.rejected[index], pair.score_rejected),
        ):
            own = math.nan if score is None else score
            seen = not math.isnan(scores[text])
            several[text] |= score is None or (seen and scores[text] != own)
            scores[text] = own
    scores[several] = math.nan
    return scores
