"""95 % intervals by a bootstrap over prompts: pairs of one prompt stand or fall together, so whole prompts are drawn.

Efron & Tibshirani 1993, chapters 8 (clusters) and 13 (percentile intervals).
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from mlx_reward.utils.grouping import group_indices

REPLICATES = 1000
Indices = NDArray[np.int64]


def draws(
    prompts: Sequence[Hashable], seed: int = 0, replicates: int = REPLICATES
) -> list[Indices]:
    """Indices of pairs, once for each replicate: as many prompts as there are, drawn with replacement, all their pairs."""
    groups = [np.array(pairs, dtype=np.int64) for pairs in group_indices(prompts).values()]
    rng = np.random.default_rng(seed)
    return [
        np.concatenate([groups[g] for g in rng.integers(len(groups), size=len(groups))])
        for _ in range(replicates)
    ]


def interval(
    statistic: Callable[[Indices], float], drawn: Sequence[Indices]
) -> tuple[float, float]:
    """2.5 and 97.5 percentile of ``statistic`` over the draws."""
    values = [statistic(indices) for indices in drawn]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
