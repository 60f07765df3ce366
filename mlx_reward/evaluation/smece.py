"""Smooth calibration error, which needs no bins.

Blasiok & Nakkiran 2023, "Smooth ECE: Principled Reliability Diagrams via Kernel Smoothing": the
residuals, correct - confidence, are smoothed by a Gaussian kernel that is reflected at 0 and 1, and
the error is the integral of their absolute value. The kernel is as wide as the error itself, so no
width has to be chosen. ``benchmarks/smece.py`` compares it with the authors' own code.
"""

import numpy as np

from mlx_reward.utils.arrays import Array

CELLS = 2000  # of 0 to 1, to whose middles the residuals are moved
NARROWEST = 0.002  # width of a kernel; four cells


def smece(confidence: Array, correct: Array) -> float:
    """Return the smooth calibration error, 0 to 1, of P ``confidence`` and whether ``correct``.

    A model whose error at the narrowest kernel is smaller than its width gets that error.
    """
    from scipy.optimize import brentq  # late, as all of scipy that takes a second to load

    residuals = _in_cells(confidence, correct - confidence) / len(confidence)
    narrow = _smoothed(residuals, NARROWEST)
    if narrow <= NARROWEST:
        return narrow
    # The error falls as the width grows, and is 1 at most: at one width they are equal.
    return float(brentq(lambda width: _smoothed(residuals, width) - width, NARROWEST, 2))


def _in_cells(positions: Array, values: Array) -> Array:
    """Return ``values`` (P,) dealt to the two cells whose middles enclose their ``positions``."""
    place = np.clip(positions * CELLS - 0.5, 0, CELLS - 1)
    left = np.minimum(place.astype(np.int64), CELLS - 2)
    to_the_right = place - left
    dealt_left = np.bincount(left, values * (1 - to_the_right), CELLS)
    return np.asarray(dealt_left + np.bincount(left + 1, values * to_the_right, CELLS))


def _smoothed(residuals: Array, width: float) -> float:
    """Return the sum of absolute ``residuals`` (CELLS,) under a reflected kernel of ``width``."""
    from scipy.ndimage import gaussian_filter1d

    return float(np.abs(gaussian_filter1d(residuals, width * CELLS, mode="reflect")).sum())
