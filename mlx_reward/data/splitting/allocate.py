"""Which group goes to which split."""

import numpy as np

from mlx_reward.utils.errors import InputError


def counts(total: int, valid_size: int | float, test_size: int | float) -> tuple[int, int]:
    """Pairs wanted in valid and test: an int is a count, a float a share of ``total``."""
    valid, test = (s if isinstance(s, int) else round(total * s) for s in (valid_size, test_size))
    if valid < 1 or test < 1 or valid + test >= total:
        raise InputError(
            f"{total} pairs are too few for {valid} in valid and {test} in test with some left to train on; "
            "lower split.valid_size and split.test_size or bring more data"
        )
    return valid, test


def allocate(sizes: list[int], valid: int, test: int, seed: int) -> list[str]:
    """The split of each group, given its number of pairs: groups in random order fill test, then valid, the rest train."""
    sides = ["train"] * len(sizes)
    order = iter(np.random.default_rng(seed).permutation(len(sizes)).tolist())
    for side, wanted in (("test", test), ("valid", valid)):
        taken = 0
        while taken < wanted and (group := next(order, None)) is not None:
            sides[group] = side
            taken += sizes[group]
    if "train" not in sides or "valid" not in sides:
        raise InputError(
            f"{len(sizes)} groups of prompts are too few to split; bring more prompts, or lower split.valid_size and test_size"
        )
    return sides
