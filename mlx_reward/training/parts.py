"""How the pairs of a step are cut: into shares of processes, and into parts that run at once.

Pairs of one unit are never cut apart. For most losses each pair is a unit of its own; for a loss
of whole choices, the pairs of one chosen text are.
"""

import numpy as np
from numpy.typing import NDArray

from mlx_reward.data.dataset import PairIds, PreferenceDataset
from mlx_reward.training.losses import LISTWISE

Units = NDArray[np.int64]  # (P,) the unit of each pair of a data set


def units_of_pairs(training: PreferenceDataset, loss: str) -> Units:
    """Return (P,) the unit of each pair for the ``loss`` of that name."""
    return training.chosen if loss in LISTWISE else np.arange(len(training.pairs))


def shares(pair_ids: PairIds, units: Units, size: int) -> list[PairIds]:
    """Cut the (P,) pairs into ``size`` shares of neighbours, which share texts.

    They are as even as the units allow: pairs that are units of their own give shares that differ
    by one pair at most. With fewer units than shares some are empty.
    """
    ordered, ends = _by_unit(pair_ids, units)
    even = np.cumsum([len(share) for share in np.array_split(ordered, size)])[:-1]
    places = np.concatenate([[0], ends])
    nearest = np.abs(places[:, None] - even).argmin(axis=0)
    return np.split(ordered, places[nearest])


def parts(pair_ids: PairIds, units: Units, batch_size: int) -> list[PairIds]:
    """Cut the (P,) pairs into parts of at most ``batch_size``.

    A unit of more pairs is a part for itself; n pairs of one chosen text are n + 1 texts to run,
    where n pairs of different texts are 2 n.
    """
    ordered, ends = _by_unit(pair_ids, units)
    cuts: list[int] = []
    start = 0
    for begin, end in zip([0, *ends], ends, strict=False):
        if end - start > batch_size and begin > start:
            cuts.append(begin)
            start = begin
    return np.split(ordered, cuts) if len(ordered) else []


def _by_unit(pair_ids: PairIds, units: Units) -> tuple[PairIds, list[int]]:
    """Return the pairs with those of each unit together, and where each unit ends among them.

    Units come in the order of their first pairs.
    """
    _, first, unit_of_pair = np.unique(units[pair_ids], return_index=True, return_inverse=True)
    order = np.argsort(first[unit_of_pair], kind="stable")
    sizes = np.bincount(unit_of_pair)[np.argsort(first)]
    return pair_ids[order], np.cumsum(sizes).tolist()
