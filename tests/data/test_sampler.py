"""Each epoch holds every pair once, in full batches between few texts."""

from itertools import combinations

import numpy as np
import pytest

from mlx_reward.data.dataset import Batch, PreferenceDataset, collate
from mlx_reward.data.pair import Pair
from mlx_reward.data.sampler import batch_sampler
from tests.toy import dataset, tokenized


def epoch(data: PreferenceDataset, batch_size: int, seed: int = 0) -> list[list[int]]:
    """The pairs of each batch."""
    batches = batch_sampler(data, batch_size, np.random.default_rng(seed))
    return [batch.tolist() for batch in batches]


def collated(data: PreferenceDataset, batch_size: int) -> list[Batch]:
    return [collate(data, np.array(batch)) for batch in epoch(data, batch_size)]


def test_every_comparison_is_seen_once_an_epoch_and_the_last_partial_batch_is_kept() -> None:
    data = dataset(33)
    batches = collated(data, 8)
    seen = sorted(
        (int(batch.texts[chosen]), int(batch.texts[rejected]))
        for batch in batches
        for chosen, rejected in zip(batch.chosen, batch.rejected, strict=True)
    )
    assert seen == sorted(zip(data.chosen.tolist(), data.rejected.tolist(), strict=True))
    assert [len(batch.chosen) for batch in batches] == [8, 8, 8, 8, 1]


def test_a_text_is_encoded_once_however_many_pairs_it_stands_in() -> None:
    data = dataset(33)
    assert len(data.texts) == 33  # 11 prompts of 3 responses, 3 pairs each
    batches = collated(data, 9)
    assert all(len(set(batch.texts.tolist())) == len(batch.texts) for batch in batches)
    assert sum(len(batch.texts) for batch in batches) < 2 * 33 * 0.9


def test_many_pairs_of_one_prompt_share_texts_too() -> None:
    """20 responses to one prompt, compared each with each: 16 pairs must not need 20 texts."""
    names = [f"r{number}" for number in range(20)]
    rows = [
        Pair(prompt="q", chosen=a, rejected=b, id=f"{a}{b}", group="q")
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    ]
    batches = collated(tokenized(rows), 16)
    assert sum(len(batch.chosen) for batch in batches) == 190
    texts_per_batch = sum(len(batch.texts) for batch in batches) / len(batches)
    assert texts_per_batch < 8.5  # 16 and more in random order; 7 is the least there can be


def test_left_over_pairs_of_many_prompts_fill_their_batches() -> None:
    """Batches of one prompt alone would be small, and the optimizer's steps more and noisier."""
    data = dataset(33)  # 11 prompts of 3 pairs
    batches = epoch(data, 8)
    assert [len(batch) for batch in batches] == [8, 8, 8, 8, 1]
    assert batches != epoch(data, 8, seed=1)


def test_a_response_compared_with_itself_and_a_repeated_pair_do_not_hold_up_an_epoch() -> None:
    rows = [
        Pair(prompt="q", chosen=a, rejected=b, id=f"{a}{b}{number}")
        for a, b in ("aa", "ab", "bc")
        for number in range(2)
    ]
    batches = epoch(tokenized(rows), 4)
    assert sorted(pair for batch in batches for pair in batch) == [0, 1, 2, 3, 4, 5]


def between(chosen: list[int], rejected: list[int]) -> PreferenceDataset:
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
    data = between(list(chosen), list(rejected))
    batches = list(batch_sampler(data, 3, np.random.default_rng(seed)))
    assert sorted(len(collate(data, batch).texts) for batch in batches) == [3, 4]
    assert sorted(np.concatenate(batches).tolist()) == list(range(6))


def test_a_pair_that_stands_both_ways_round_is_two_pairs_of_the_same_texts() -> None:
    data = between([0, 1, 0, 2, 2, 3], [1, 0, 1, 3, 3, 2])
    batches = list(batch_sampler(data, 3, np.random.default_rng(0)))
    assert sorted(sorted(batch.tolist()) for batch in batches) == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("batch_size", [1, 2, 7, 100])
def test_every_pair_once_in_whole_batches(batch_size: int) -> None:
    rng = np.random.default_rng(1)
    data = between(rng.integers(0, 9, 60).tolist(), rng.integers(0, 9, 60).tolist())
    batches = list(batch_sampler(data, batch_size, np.random.default_rng(2)))
    assert sorted(np.concatenate(batches).tolist()) == list(range(60))
    assert all(len(batch) == batch_size for batch in batches[:-1])


def test_a_batch_is_its_different_texts_and_indices_into_them() -> None:
    """The example of collate's docstring."""
    batch = collate(between([7, 7], [3, 9]), np.array([0, 1]))
    assert batch.texts.tolist() == [3, 7, 9]
    assert batch.chosen.tolist() == [1, 1]
    assert batch.rejected.tolist() == [0, 2]
    assert batch.pair_ids.tolist() == [0, 1]
