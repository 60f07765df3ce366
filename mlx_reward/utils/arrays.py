"""The types of rewards, margins and metrics, arrays of float64, and of positions in them."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
