"""Are two models right equally often? A test whose unit is the cluster, and Holm's correction."""

import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from mlx_reward.evaluation.intervals import Indices, cluster_numbers
from mlx_reward.utils.arrays import Array

EXACT_STEPS = 300_000_000  # additions, about a second; more clusters than that are normal


def sign_flip_p(differences: Array, clusters: Sequence[Hashable]) -> float:
    """Return the two-sided p that ``differences`` (P,), in halves, are zero on average.

    Where neither of two models is better, they could change places within a cluster, and the sum of
    its differences would change sign (Fisher 1935). The p is the share of all sign changes after
    which the sum over clusters is as far from 0. Where every cluster has one pair and there are no
    ties, this is McNemar's exact test.
    """
    sums = np.bincount(cluster_numbers(clusters), weights=differences)
    steps = np.rint(2 * np.abs(sums)).astype(np.int64)
    steps = np.sort(steps[steps > 0])
    observed = abs(round(2 * float(differences.sum())))
    if len(steps) == 0:
        return 1.0
    if len(steps) * int(steps.sum()) > EXACT_STEPS:
        return math.erfc(observed / math.sqrt(2 * float(steps @ steps)))
    chances = _chances_of_positive(steps)
    totals = 2 * np.arange(len(chances)) - int(steps.sum())
    return min(1.0, float(chances[np.abs(totals) >= observed].sum()))


def _chances_of_positive(steps: Indices) -> Array:
    """Return the chance that the ``steps`` with a plus sum to 0, 1, ... where signs are coins."""
    chances = np.zeros(int(steps.sum()) + 1)
    chances[0] = 1.0
    reach = 1
    for step in steps.tolist():
        before = chances[:reach] / 2
        chances[:reach] = before
        chances[step : reach + step] += before
        reach += step
    return chances


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return the p values, by name, corrected for there being several (Holm 1979).

    The chance that any of them is below 0.05 where nothing differs is then 0.05 at most.
    """
    corrected: dict[str, float] = {}
    largest = 0.0
    for place, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[name]))
        corrected[name] = largest
    return {name: corrected[name] for name in p_values}
