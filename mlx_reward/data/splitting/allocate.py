"""Which group of prompts goes to which split."""

import numpy as np

from mlx_reward.utils.errors import InputError


def counts(total: int, valid_size: int | float, test_size: int | float) -> tuple[int, int]:
    """Return how many pairs valid and test shall have.

    A size that is an int is a count, a float is a share of ``total``.
    """
    valid = _count(total, valid_size)
    test = _count(total, test_size)
    if valid < 1 or test < 1 or valid + test >= total:
        raise InputError(
            f"{total} pairs are too few for {valid} in valid and {test} in test "
            "with some left to train on; lower split.valid_size and split.test_size "
            "or bring more data"
        )
    return valid, test


def _count(total: int, size: int | float) -> int:
    return size if isinstance(size, int) else round(total * size)


def allocate(sizes: list[int], valid: int, test: int, seed: int) -> list[str]:
    """Return the split of each group, given ``sizes``, the number of its pairs.

    Groups in an order drawn by ``seed`` fill test with at least ``test`` pairs, then valid with at
    least ``valid``; the rest is train.
    """
    splits = ["train"] * len(sizes)
    test_left = test
    valid_left = valid
    for group in np.random.default_rng(seed).permutation(len(sizes)).tolist():
        if test_left > 0:
            splits[group] = "test"
            test_left -= sizes[group]
        elif valid_left > 0:
            splits[group] = "valid"
            valid_left -= sizes[group]
    if "train" not in splits or "valid" not in splits:
        raise InputError(
            f"{len(sizes)} groups of prompts are too few to split; bring more prompts, "
            "or lower split.valid_size and test_size"
        )
    return splits
