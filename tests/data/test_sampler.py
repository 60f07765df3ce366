"""Batches of pairs that share texts: every pair once, few texts a batch."""

from itertools import combinations

import numpy as np
import pytest

from mlx_reward.data.dataset import PreferenceDataset, collate
from mlx_reward.data.pair import Pair
from mlx_reward.data.sampler import batch_sampler


def dataset(chosen: list[int], rejected: list[int]) -> PreferenceDataset:
    """Pairs of one prompt between the numbered texts."""
    count = max(chosen + rejected) + 1
    return PreferenceDataset(
        texts=[[text] for text in range(count)],
        prompts=["q"] * count,
        chosen=np.array(chosen),
        rejected=np.array(rejected),
        pairs=[Pair(prompt="q", chosen="a", rejected="b", id=f"{n}") for n in range(len(chosen))],
        cut=0,
        dropped=[],
    )


@pytest.mark.parametrize("seed", range(10))
def test_the_six_pairs_of_four_texts_are_a_triangle_and_a_star(seed: int) -> None:
    """The example of the docstring: AB, AC, BC and AD, BD, CD, or the same with other letters."""
    chosen, rejected = zip(*combinations(range(4), 2), strict=True)
    data = dataset(list(chosen), list(rejected))
    batches = list(batch_sampler(data, 3, np.random.default_rng(seed)))
    assert sorted(len(collate(data, batch).texts) for batch in batches) == [3, 4]
    assert sorted(np.concatenate(batches).tolist()) == list(range(6))


def test_a_pair_that_stands_both_ways_round_is_two_pairs_of_the_same_texts() -> None:
    data = dataset([0, 1, 0, 2, 2, 3], [1, 0, 1, 3, 3, 2])
    batches = list(batch_sampler(data, 3, np.random.default_rng(0)))
    assert sorted(sorted(batch.tolist()) for batch in batches) == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("batch_size", [1, 2, 7, 100])
def test_every_pair_once_in_whole_batches(batch_size: int) -> None:
    rng = np.random.default_rng(1)
    data = dataset(rng.integers(0, 9, 60).tolist(), rng.integers(0, 9, 60).tolist())
    batches = list(batch_sampler(data, batch_size, np.random.default_rng(2)))
    assert sorted(np.concatenate(batches).tolist()) == list(range(60))
    assert all(len(batch) == batch_size for batch in batches[:-1])


def test_a_batch_is_its_different_texts_and_indices_into_them() -> None:
    """The example of collate's docstring."""
    batch = collate(dataset([7, 7], [3, 9]), np.array([0, 1]))
    assert batch.texts.tolist() == [3, 7, 9]
    assert batch.chosen.tolist() == [1, 1]
    assert batch.rejected.tolist() == [0, 2]
    assert batch.pair_ids.tolist() == [0, 1]
