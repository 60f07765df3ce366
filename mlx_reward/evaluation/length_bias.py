"""How much of a reward model is length.

In all functions ``gain`` (P,) is by how much the chosen response of a pair is longer.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from mlx_reward.evaluation.metrics import accuracy, correct
from mlx_reward.utils.arrays import Array

MATCHED = 0.1  # lengths that differ by at most this share of the longer one
PENALTY = 0.01  # keeps coefficients finite, moves them in the 4th digit
LONGEST_STEP = 2.0  # of Newton's method, which else overshoots
STEPS = 100
CONVERGED = 1e-9


def matched(chosen: Array, rejected: Array) -> NDArray[np.bool_]:
    """Return which pairs (P,) have responses of nearly equal length, from both lengths (P,)."""
    return np.abs(chosen - rejected) <= MATCHED * np.maximum(chosen, rejected)


def correlation(margins: Array, gain: Array) -> float | None:
    """Return Spearman's rank correlation of margins with ``gain``; None where one is constant."""
    from scipy.stats import spearmanr  # late: it takes a second, and most commands need it not

    if np.ptp(margins) == 0 or np.ptp(gain) == 0:
        return None
    return float(spearmanr(margins, gain).statistic)


def accuracy_at_equal_length(margins: Array, gain: Array) -> float:
    """Return the accuracy that the model has on pairs of equal length, estimated from all pairs.

    A logistic regression explains the label by the model's decision d (1 or -1) and by length:
    P(the first response is chosen) = sigmoid(a d + b gain). Its value for a right decision at gain
    0 is sigmoid(a): a decision that only follows length earns one half, and the part of length that
    the labels have by themselves goes to b, not against the model.
    """
    right = correct(margins)
    if not gain.any() or right.all() or not right.any():
        return accuracy(margins)
    decisions = np.sign(margins)
    lengths = gain / math.sqrt(float(np.mean(gain**2)))
    explaining = np.stack([decisions, lengths], axis=1)  # (P, 2)
    return float(expit(_coefficients(explaining, right)[0]))


def _coefficients(explaining: Array, right: Array) -> Array:
    """Return a and b (2,) of P(chosen wins) = sigmoid(a d + b length), by Newton's method.

    ``explaining`` (P, 2) are d and length of pairs in chosen-first order, so that the label is 1
    throughout and there is no intercept. Where ``right`` (P,) is one half, half a pair was decided
    either way: d of 1 and of -1, both weighted by one half.
    """
    ties = right == 0.5
    one_way = explaining.copy()
    one_way[ties, 0] = 1.0
    other_way = one_way[ties] * [-1.0, 1.0]
    rows = np.concatenate([one_way, other_way])
    weights = np.concatenate([np.where(ties, 0.5, 1.0), np.full(int(ties.sum()), 0.5)])
    found = np.zeros(2)
    for _ in range(STEPS):
        surprise = expit(-rows @ found)
        gradient = rows.T @ (weights * surprise) - PENALTY * found
        curvature = (rows * (weights * surprise * (1 - surprise))[:, None]).T @ rows
        step = np.linalg.solve(curvature + PENALTY * np.eye(2), gradient)
        longest = float(np.abs(step).max())
        found = found + step * min(1.0, LONGEST_STEP / max(longest, CONVERGED))
        if longest < CONVERGED:
            break
    return np.asarray(found, dtype=np.float64)
