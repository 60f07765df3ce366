"""Scores of responses from comparisons of some of them, and how far these decide their order."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path
from scipy.special import expit

from mlx_reward.evaluation.intervals import Indices
from mlx_reward.utils.arrays import Array

PRECISION = 0.01  # of the prior: so wide that the scores contradict no comparison without need
LONGEST_STEP = 2.0  # of Newton's method, which else overshoots where the curvature is small
STEPS = 200
CONVERGED = 1e-10


def bradley_terry(count: int, won: Indices, lost: Indices) -> Array:
    """Return the scores (count,) that best explain which of two responses ``won`` (P,) and lost.

    They maximise the posterior of P(i beats j) = sigmoid(score_i - score_j) (Bradley & Terry 1952)
    under a wide normal prior, without which a response that never loses has no finite score (Caron
    & Doucet 2012). Responses that the comparisons do not link have no common scale.
    """
    scores = np.zeros(count)
    for _ in range(STEPS):
        surprise = expit(scores[lost] - scores[won])  # (P,)
        pull = np.bincount(won, surprise, count) - np.bincount(lost, surprise, count)
        gradient = pull - PRECISION * scores
        weight = surprise * (1 - surprise)
        between = np.zeros((count, count))
        np.add.at(between, (won, lost), weight)
        between += between.T
        curvature = np.diag(between.sum(axis=1) + PRECISION) - between
        step = np.linalg.solve(curvature, gradient)
        longest = np.abs(step).max()
        scores += step * min(1.0, LONGEST_STEP / max(longest, CONVERGED))
        if longest < CONVERGED:
            break
    return np.asarray(scores.round(9))  # so that equal ones tie


def share_ordered(count: int, won: Indices, lost: Indices) -> float:
    """Return of how many two of ``count`` responses a chain of comparisons says which is better.

    Chains both ways count: they weigh against one another.
    """
    beats = coo_array((np.ones(len(won)), (won, lost)), shape=(count, count))
    chained = np.isfinite(shortest_path(beats.tocsr(), unweighted=True))
    either = chained | chained.T
    return float((either.sum() - count) / (count * (count - 1)))
