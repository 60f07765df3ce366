"""Which things are connected so far: a disjoint-set forest (Tarjan 1975) over numpy arrays."""

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


class Forest:
    """Things numbered from 0, each connected to itself at first."""

    def __init__(self, count: int) -> None:
        self._parents = np.arange(count)

    def roots(self, things: Indices) -> Indices:
        """Return for each of ``things`` (N,) a thing that stands for all connected to it."""
        found = things
        while True:
            above = self._parents[found]
            if np.array_equal(above, found):
                self._parents[things] = found  # shortens the way for the next time
                return found
            found = above

    def join(self, one: int, other: int) -> None:
        """Connect two things, and all that is connected to either."""
        low, high = np.sort(self.roots(np.array([one, other])))
        self._parents[high] = low
