"""How much of a reward model is length.

In all functions ``gain`` (P,) is by how much the chosen response of a pair is longer.
"""

import math

import numpy as np
from numpy.typing import NDArray

from mlx_reward.evaluation.metrics import accuracy, correct
from mlx_reward.utils.arrays import Array

MATCHED = 0.1  # lengths that differ by at most this share of the longer one
WEAK_PENALTY = 100.0  # C of scikit-learn: keeps coefficients finite, moves them in the 4th digit


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
    from sklearn.linear_model import LogisticRegression  # late: as above

    decisions = np.concatenate([np.ones(len(right)), -np.ones(len(right))])
    weights = np.concatenate([right, 1 - right])  # a tie is half a right and half a wrong decision
    lengths = np.tile(gain / math.sqrt(float(np.mean(gain**2))), 2)
    explaining = np.stack([decisions, lengths], axis=1)  # (2P, 2), of chosen-first pairs
    regression = LogisticRegression(fit_intercept=False, C=WEAK_PENALTY)
    regression.fit(
        np.concatenate([explaining, -explaining]),  # and of the same pairs turned round
        np.repeat([1, 0], len(weights)),
        sample_weight=np.tile(weights, 2),
    )
    return float(1 / (1 + math.exp(-regression.coef_[0, 0])))
