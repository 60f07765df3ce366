"""The pairs of a step are cut for processes and for memory, and no unit of the loss with them."""

import numpy as np

from mlx_reward.training.parts import parts, shares, units_of_pairs
from tests.toy import dataset

ALONE = np.arange(7)  # each pair is a unit


def listed(cut: list[np.ndarray]) -> list[list[int]]:
    return [share.tolist() for share in cut]


def test_pairs_that_stand_alone_are_cut_evenly() -> None:
    assert listed(shares(np.arange(7), ALONE, 3)) == [[0, 1, 2], [3, 4], [5, 6]]
    assert listed(shares(np.arange(7), ALONE, 1)) == [[0, 1, 2, 3, 4, 5, 6]]
    assert listed(shares(np.array([5, 2]), ALONE, 3)) == [[5], [2], []]
    assert listed(parts(np.array([6, 1, 0, 4, 3]), ALONE, 2)) == [[6, 1], [0, 4], [3]]
    assert parts(np.array([], dtype=np.int64), ALONE, 2) == []


def test_units_stay_whole_and_every_pair_comes_once() -> None:
    """By hand: units a (2 pairs), b (3) and c (1), in the order of their first pairs."""
    units = np.array([9, 4, 9, 4, 4, 7])  # a b a b b c
    assert listed(parts(np.arange(6), units, 3)) == [[0, 2], [1, 3, 4], [5]]
    assert listed(parts(np.arange(6), units, 4)) == [[0, 2], [1, 3, 4, 5]]
    assert listed(parts(np.arange(6), units, 2)) == [[0, 2], [1, 3, 4], [5]]  # b is over 2
    assert listed(shares(np.arange(6), units, 2)) == [[0, 2], [1, 3, 4, 5]]
    assert listed(shares(np.arange(6), units, 3)) == [[0, 2], [1, 3, 4], [5]]
    assert listed(shares(np.arange(6), np.zeros(6, dtype=np.int64), 2)) == [[], [0, 1, 2, 3, 4, 5]]


def test_any_cut_of_random_units_keeps_them_whole() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        units = rng.integers(0, 12, 40)
        pair_ids = rng.permutation(40)[: rng.integers(1, 40)]
        for cut in (shares(pair_ids, units, 3), parts(pair_ids, units, 5)):
            assert sorted(np.concatenate(cut)) == sorted(pair_ids)
            owners = [set(units[share]) for share in cut]
            assert sum(map(len, owners)) == len(set(units[pair_ids]))


def test_the_units_of_plackett_luce_are_its_choices() -> None:
    data = dataset(6)
    assert units_of_pairs(data, "bradley_terry").tolist() == [0, 1, 2, 3, 4, 5]
    assert units_of_pairs(data, "plackett_luce").tolist() == [0, 0, 1, 3, 3, 4]
