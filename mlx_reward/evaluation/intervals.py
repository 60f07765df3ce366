"""95 % intervals by a bootstrap over prompts.

Pairs of one prompt are right or wrong together, so whole prompts are drawn (Efron & Tibshirani
1993, chapters 8, on clusters, and 13, on percentile intervals).
"""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlx_reward.utils.arrays import Array
from mlx_reward.utils.grouping import group_indices

REPLICATES = 1000
Indices = NDArray[np.int64]


class Estimate(NamedTuple):
    """A value with the ends of its 95 % interval; all None where it cannot be computed."""

    value: float | None
    low: float | None
    high: float | None

    def fields(self, name: str) -> dict[str, float | None]:
        """Return the three fields of a metrics file: ``name``, ``name_low`` and ``name_high``."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


UNKNOWN = Estimate(None, None, None)


def draws(
    prompts: Sequence[Hashable], seed: int = 0, replicates: int = REPLICATES
) -> list[Indices]:
    """Draw as many prompts as there are, with replacement; return the indices of their pairs.

    ``prompts`` (P,) says which prompt each pair has. The result has one array for each replicate.
    """
    groups = [np.array(pairs, dtype=np.int64) for pairs in group_indices(prompts).values()]
    rng = np.random.default_rng(seed)
    return [
        np.concatenate([groups[g] for g in rng.integers(len(groups), size=len(groups))])
        for _ in range(replicates)
    ]


def interval(
    statistic: Callable[[Indices], float], drawn: Sequence[Indices]
) -> tuple[float, float]:
    """Return the 2.5 and 97.5 percentile of ``statistic`` over the draws."""
    values = [statistic(indices) for indices in drawn]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def mean_estimate(values: Array, prompts: Sequence[Hashable]) -> Estimate:
    """Return the mean of ``values`` (P,) with its interval over ``prompts`` (P,)."""
    low, high = interval(lambda drawn: float(values[drawn].mean()), draws(prompts))
    return Estimate(float(values.mean()), low, high)
