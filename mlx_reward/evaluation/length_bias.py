"""How much of a reward model is length.

In all functions ``gain`` (P,) is by how much the chosen response of a pair is longer.
"""

import numpy as np
from numpy.typing import NDArray

from mlx_reward.utils.arrays import Array

MATCHED = 0.1  # lengths that differ by at most this share of the longer one


def matched(chosen: Array, rejected: Array) -> NDArray[np.bool_]:
    """Return which pairs (P,) have responses of nearly equal length, from both lengths (P,)."""
    return np.abs(chosen - rejected) <= MATCHED * np.maximum(chosen, rejected)


def correlation(margins: Array, gain: Array) -> float | None:
    """Return Spearman's rank correlation of margins with ``gain``; None where one is constant."""
    from scipy.stats import spearmanr  # late: it takes a second, and most commands need it not

    if np.ptp(margins) == 0 or np.ptp(gain) == 0:
        return None
    return float(spearmanr(margins, gain).statistic)


def without_length(margins: Array, gain: Array) -> Array:
    """Return the residuals of a least-squares fit of margins on ``gain``.

    The fit has no intercept, because a pair turned round changes the sign of both.
    """
    total = float(gain @ gain)
    if total == 0:
        return margins
    return margins - (float(margins @ gain) / total) * gain
