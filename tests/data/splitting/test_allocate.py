"""Splits: groups stay whole, sizes are honoured, one seed gives one split."""

import pytest

from mlx_reward.data.splitting.allocate import allocate, counts
from mlx_reward.utils.errors import InputError

SIZES = [6, 1, 3, 6, 6, 2, 1, 1, 6, 6] * 10


def pairs_on(side: str, sides: list[str]) -> int:
    return sum(size for size, s in zip(SIZES, sides, strict=True) if s == side)


def test_sizes_by_count_and_by_fraction() -> None:
    assert counts(5000, 500, 0.1) == (500, 500)
    sides = allocate(SIZES, valid=40, test=90, seed=0)
    assert 40 <= pairs_on("valid", sides) < 40 + 6
    assert 90 <= pairs_on("test", sides) < 90 + 6


def test_one_seed_one_split() -> None:
    assert allocate(SIZES, 40, 90, seed=1) == allocate(SIZES, 40, 90, seed=1)
    assert allocate(SIZES, 40, 90, seed=1) != allocate(SIZES, 40, 90, seed=2)


@pytest.mark.parametrize(
    ("total", "valid", "test"), [(10, 5, 5), (10, 500, 0.1), (3, 0.1, 0.1), (0, 0.1, 0.1)]
)
def test_too_few_pairs_are_refused(total: int, valid: float, test: float) -> None:
    with pytest.raises(InputError, match=f"{total} pairs are too few"):
        counts(total, valid, test)


def test_too_few_groups_are_refused() -> None:
    """Two big groups cannot fill three splits, however many pairs they hold."""
    with pytest.raises(InputError, match="2 groups of prompts are too few"):
        allocate([100, 100], 20, 20, seed=0)
