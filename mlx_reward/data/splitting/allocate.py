"""Which group of prompts goes to which split."""

from itertools import count

import numpy as np

from mlx_reward.utils.errors import InputError

LEAST = 10  # pairs in valid and in test: with fewer, one pair is more than a tenth of the figures
TOLERANCE = 0.1  # of what a split shall hold, by which it may miss it; or the size of a mean group
ATTEMPTS = 100  # to place the large groups at random, before they are said not to fit

Pairs = dict[str, float]  # by split


class Unplaceable(InputError):
    """The groups cannot be divided as wanted, because of ``group``, the largest."""

    def __init__(self, reason: str, group: int) -> None:
        super().__init__(reason)
        self.group = group


def counts(total: int, valid_size: int | float, test_size: int | float) -> tuple[int, int]:
    """Return how many pairs valid and test shall have.

    A size that is an int is a count, a float is a share of ``total``. InputError where one of them
    has fewer than LEAST, or none are left to train on.
    """
    for name, size in (("valid_size", valid_size), ("test_size", test_size)):
        if isinstance(size, int) and size < LEAST:
            raise InputError(f"split.{name} is {size}; at least {LEAST} pairs are needed")
    if _shares(valid_size, test_size) >= 1:
        raise InputError(
            f"split.valid_size {valid_size} and split.test_size {test_size} leave no pairs to "
            "train on; lower them"
        )
    if not _enough(total, valid_size, test_size):
        needed = next(n for n in count(total) if _enough(n, valid_size, test_size))
        raise InputError(
            f"{total} pairs are too few: with split.valid_size {valid_size} and split.test_size "
            f"{test_size} at least {needed} are needed, so that valid and test hold {LEAST} each "
            "and some are left to train on"
        )
    return _count(total, valid_size), _count(total, test_size)


def _enough(total: int, valid_size: int | float, test_size: int | float) -> bool:
    valid = _count(total, valid_size)
    test = _count(total, test_size)
    return min(valid, test) >= LEAST and valid + test < total


def _count(total: int, size: int | float) -> int:
    return size if isinstance(size, int) else round(total * size)


def _shares(*sizes: int | float) -> float:
    return sum(size for size in sizes if isinstance(size, float))


def allocate(sizes: list[int], valid: int, test: int, seed: int) -> list[str]:
    """Return the split of each group, given ``sizes``, the number of its pairs.

    Groups that are larger than the tolerance are placed first, the largest first, each in a split
    drawn by the room that is left. The others, in an order drawn by ``seed``, fill test, then
    valid; the rest is train. Unplaceable where valid or test cannot come within the tolerance.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(sizes)).tolist()
    wanted: Pairs = {"test": test, "valid": valid, "train": sum(sizes) - valid - test}
    mean = sum(sizes) / max(len(sizes), 1)
    tolerance = {split: max(TOLERANCE * pairs, mean) for split, pairs in wanted.items()}
    limit = min(tolerance.values())
    large = sorted((g for g in order if sizes[g] > limit), key=lambda g: -sizes[g])
    small = [g for g in order if sizes[g] <= limit]
    for _ in range(ATTEMPTS if large else 1):
        room = dict(wanted)
        splits = ["train"] * len(sizes)
        if not _place_large(large, sizes, room, tolerance, splits, rng):
            continue
        _place_small(small, sizes, room, splits)
        short = any(room[split] > tolerance[split] for split in ("test", "valid"))
        if not short and set(splits) == set(wanted):
            return splits
    largest = max(range(len(sizes)), key=lambda g: sizes[g])
    raise Unplaceable(
        f"{len(sizes)} groups of prompts, the largest of {sizes[largest]} pairs, are too coarse to "
        f"be split into {wanted['train']} pairs for train, {valid} for valid and {test} for test, "
        "give or take a tenth",
        largest,
    )


def _place_large(
    large: list[int],
    sizes: list[int],
    room: Pairs,
    tolerance: Pairs,
    splits: list[str],
    rng: np.random.Generator,
) -> bool:
    """Place ``large`` groups in ``splits`` and take their pairs from ``room``; False if one fits
    nowhere.
    """
    for group in large:
        fitting = [s for s in room if room[s] > 0 and sizes[group] <= room[s] + tolerance[s]]
        if not fitting:
            return False
        left = np.array([room[s] for s in fitting])
        split = fitting[rng.choice(len(fitting), p=left / left.sum())]
        splits[group] = split
        room[split] -= sizes[group]
    return True


def _place_small(small: list[int], sizes: list[int], room: Pairs, splits: list[str]) -> None:
    """Fill test, then valid, then train with ``small`` groups in their order."""
    for group in small:
        split = next((s for s in ("test", "valid") if room[s] > 0), "train")
        splits[group] = split
        room[split] -= sizes[group]
