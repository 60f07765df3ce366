"""Are margins on the test split distributed as those on valid, on which they were calibrated?"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from mlx_reward.utils.arrays import Array
from mlx_reward.utils.grouping import group_indices

SAMPLE = 10_000  # pairs of a split, about; in whole clusters drawn by lot
PERMUTATIONS = 1999
Margins = Sequence[Sequence[float]]  # a list for each cluster


def by_cluster(margins: Array, clusters: Sequence[Hashable]) -> list[list[float]]:
    """Return the ``margins`` (P,) of each cluster, of whole clusters drawn by lot if many."""
    places = list(group_indices(clusters).values())
    drawn = np.random.default_rng(0).permutation(len(places))
    before = np.cumsum([0] + [len(places[c]) for c in drawn[:-1]])
    kept = np.sort(drawn[before < SAMPLE])
    return [[float(f"{margin:.6g}") for margin in margins[places[c]]] for c in kept]


def shift(valid: Margins, test: Margins) -> float:
    """Return p of a test that |margins| on ``valid`` and on ``test`` come from one distribution.

    The distance is that of Kolmogorov and Smirnov; the p is how often it is as large when the
    clusters of both splits are dealt anew (a permutation test, Pitman 1937). Margins of one cluster
    depend on one another, so that the tables of the distance, which are for independent ones, raise
    false alarms.
    """
    together = [*valid, *test]
    sizes = np.abs(np.concatenate([np.asarray(cluster, dtype=np.float64) for cluster in together]))
    order = np.argsort(sizes, kind="stable")
    last = np.append(np.diff(sizes[order]) > 0, True)  # of the pairs of one size
    cluster_of_pair = np.repeat(np.arange(len(together)), [len(c) for c in together])[order]
    is_valid = np.arange(len(together)) < len(valid)
    observed = _distance(is_valid[cluster_of_pair], last)
    rng = np.random.default_rng(0)
    as_far = sum(
        _distance(rng.permutation(is_valid)[cluster_of_pair], last) >= observed - 1e-12
        for _ in range(PERMUTATIONS)
    )
    return (1 + as_far) / (1 + PERMUTATIONS)


def _distance(is_first: NDArray[np.bool_], last: NDArray[np.bool_]) -> float:
    """Return the largest distance of two distribution functions.

    ``is_first`` (P,) says of which of two samples each value is, smallest first; ``last`` (P,) is
    true where the next value is larger.
    """
    first = np.cumsum(is_first)
    second = np.arange(1, len(is_first) + 1) - first
    return float(np.abs(first / first[-1] - second / second[-1])[last].max())
