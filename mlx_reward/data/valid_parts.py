"""The two parts of the valid split: one chooses the checkpoint, the other tests its promises.

A threshold that promises how often decisions are wrong must be set on pairs that had no say in
which weights are kept. Whole prompts are dealt, with their near duplicates.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from mlx_reward.utils.grouping import group_indices


def chooses(clusters: Sequence[Hashable]) -> NDArray[np.bool_]:
    """Return for each pair (P,) whether it is of the part that chooses the checkpoint.

    That part has half of the different ``clusters`` (P,), drawn by lot; one alone chooses.
    """
    names = list(group_indices(clusters))
    drawn = np.random.default_rng(0).permutation(len(names))[: (len(names) + 1) // 2]
    choosing = {names[i] for i in drawn}
    return np.array([cluster in choosing for cluster in clusters], dtype=np.bool_)
