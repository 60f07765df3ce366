"""Splits: groups stay whole, sizes are honoured, one seed gives one split."""

import pytest

from mlx_reward.data.splitting.allocate import Unplaceable, allocate, counts
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


def pairs_of(sizes: list[int], splits: list[str]) -> dict[str, int]:
    found = dict.fromkeys(("train", "valid", "test"), 0)
    for size, split in zip(sizes, splits, strict=True):
        found[split] += size
    return found


def test_one_large_group_swallows_no_split() -> None:
    """A group of twice test's size: each split stays within a tenth of what it shall hold."""
    sizes = [1000] + [1] * 1000
    for seed in range(40):
        found = pairs_of(sizes, allocate(sizes, valid=400, test=500, seed=seed))
        assert found["test"] == pytest.approx(500, rel=0.1)
        assert found["valid"] == pytest.approx(400, rel=0.1)
        assert found["train"] == pytest.approx(1100, rel=0.1)


def test_large_groups_go_to_each_split_as_often_as_it_is_large() -> None:
    """Else test would be of another kind than train. 400 draws: one standard deviation is 0.023."""
    sizes = [100] + [1] * 900
    splits = [allocate(sizes, valid=200, test=300, seed=seed)[0] for seed in range(400)]
    assert splits.count("test") / 400 == pytest.approx(0.3, abs=0.08)
    assert splits.count("valid") / 400 == pytest.approx(0.2, abs=0.08)


def test_few_large_groups_are_tried_until_they_fit() -> None:
    """16 topics of about 576 pairs, as in debates: four of them make test, three make valid."""
    sizes = [500, 540, 576, 580, 600, 620, 560, 590] * 2
    total = sum(sizes)
    for seed in range(20):
        found = pairs_of(sizes, allocate(sizes, total // 5, total // 4, seed))
        assert found["test"] == pytest.approx(total / 4, abs=total / 16)
        assert found["valid"] == pytest.approx(total / 5, abs=total / 16)


def test_large_groups_are_drawn_again_until_no_split_falls_short() -> None:
    """By hand: test and valid need two large groups each, and train has room for one more."""
    sizes = [100] * 30 + [1] * 60
    for seed in range(20):
        splits = allocate(sizes, valid=200, test=250, seed=seed)
        assert pairs_of(sizes, splits) == {"train": 2610, "valid": 200, "test": 250}


def test_a_group_that_fits_nowhere_is_named() -> None:
    with pytest.raises(
        Unplaceable,
        match="301 groups of prompts, the largest of 3000 pairs, are too coarse to be split into "
        "1815 pairs for train, 660 for valid and 825 for test",
    ) as caught:
        allocate([1] * 200 + [3000] + [1] * 100, valid=660, test=825, seed=0)
    assert caught.value.group == 200


@pytest.mark.parametrize(
    ("total", "valid", "test", "needed"),
    [(6, 0.2, 0.25, 48), (0, 0.1, 0.1, 95), (100, 500, 0.1, 557), (20, 10, 10, 21)],
)
def test_too_few_pairs_are_refused_and_enough_are_named(
    total: int, valid: float, test: float, needed: int
) -> None:
    """By hand: 0.2 of 48 is rounded to 10; 0.1 of 557 to 56, which leaves one to train on."""
    with pytest.raises(InputError, match=f"{total} pairs are too few: .* at least {needed} are"):
        counts(total, valid, test)
    assert sum(counts(needed, valid, test)) < needed
    with pytest.raises(InputError, match="too few"):
        counts(needed - 1, valid, test)


def test_sizes_that_are_never_enough_are_refused() -> None:
    with pytest.raises(InputError, match="split.valid_size is 9; at least 10 pairs are needed"):
        counts(1000, 9, 0.2)
    with pytest.raises(InputError, match="leave no pairs to train on"):
        counts(1000, 0.5, 0.5)


def test_too_few_groups_are_refused() -> None:
    """Two big groups cannot fill three splits, however many pairs they hold."""
    with pytest.raises(InputError, match="2 groups of prompts, the largest of 100 pairs"):
        allocate([100, 100], 20, 20, seed=0)
