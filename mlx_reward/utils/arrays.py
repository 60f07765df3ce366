"""Types of rewards, margins and metrics, arrays of float64, and of positions; and a function."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


def sigmoid(log_odds: Array) -> Array:
    """Return 1 / (1 + exp(-x)), which overflows nowhere, of the same shape.

    As scipy.special.expit, without SciPy, which is larger than all that scoring needs besides MLX.
    """
    return np.asarray(np.exp(-np.logaddexp(0.0, -log_odds)))
