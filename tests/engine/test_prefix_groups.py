"""Texts that share a prefix as groups: found by their tokens, dealt to streams and batches."""

from itertools import pairwise

import numpy as np
import pytest

from mlx_reward.engine.prefix_groups import (
    PASS_TOKENS,
    PREFIX_STEP,
    PrefixGroup,
    balance,
    common_prefix,
    group_by_prefix,
    token_batches,
    with_one_prefix_length,
)
from tests.engine.test_engine import TEXTS


@pytest.mark.parametrize("parts", [1, 2, 3, 50])
def test_balancing_loses_nothing_and_leaves_no_part_empty(parts: int) -> None:
    dealt = balance(group_by_prefix(TEXTS), TEXTS, parts)
    assert sorted(i for part in dealt for g in part for i in g.text_ids) == list(range(len(TEXTS)))
    assert all(dealt)
    assert len(dealt) == min(parts, len(TEXTS))


def test_a_group_keeps_one_token_of_every_text_behind_the_prefix() -> None:
    """A response that is the beginning of another still has a last token of its own to read the
    reward at.
    """
    assert common_prefix([[1, 2, 3], [1, 2, 3, 4]]) == 2
    assert common_prefix([[1], [1]]) == 0


def test_groups_are_found_by_their_tokens_alone() -> None:
    groups = group_by_prefix(TEXTS)
    assert [(sorted(g.text_ids), g.prefix_length) for g in groups] == [
        ([0, 1, 4], 20),
        ([3], 0),
        ([2, 5, 6, 7], 10),
    ]
    assert all(g.prefix_length == 0 for g in group_by_prefix(TEXTS, share=False))


@pytest.mark.parametrize("seed", range(20))
def test_the_groups_save_as_much_as_any_way_to_cut_the_sorted_texts(seed: int) -> None:
    """Against trying every one of 2**6 ways to cut seven texts into groups."""
    rng = np.random.default_rng(seed)
    stems = [rng.integers(0, 2, 30).tolist() for _ in range(2)]
    texts = sorted(
        stems[rng.integers(2)][: rng.integers(8, 30)] + rng.integers(0, 9, 3).tolist()
        for _ in range(7)
    )
    best = 0
    for mask in range(2**6):
        cuts = [0, *(n + 1 for n in range(6) if mask >> n & 1), 7]
        saved = 0
        for start, stop in pairwise(cuts):
            prefix = common_prefix(texts[start:stop]) if stop - start > 1 else 0
            saved += (stop - start - 1) * (prefix if prefix >= 8 else 0)
        best = max(best, saved)
    assert sum((len(g.text_ids) - 1) * g.prefix_length for g in group_by_prefix(texts)) == best


def test_batches_hold_every_text_and_about_the_token_budget() -> None:
    found = token_batches(TEXTS, 120)
    assert sorted(i for b in found for i in b) == list(range(len(TEXTS)))
    assert len(found) > 1
    for batch in found:
        tokens = sum(g.tokens for g in group_by_prefix([TEXTS[i] for i in batch]))
        assert tokens <= 120 + 20 or len(batch) == 1


def test_an_accelerator_gets_one_prefix_length() -> None:
    """24 real pairs were 7.5 passes of 1 to 8 texts, one for each length of a prompt."""
    pairs = [PrefixGroup([2 * n, 2 * n + 1], 40 + n, 100) for n in range(8)]
    assert {g.prefix_length for g in with_one_prefix_length(pairs)} == {0}
    best_of_n = [PrefixGroup(list(range(16 * n, 16 * n + 16)), 500 + n, 600) for n in range(3)]
    cut = with_one_prefix_length([*best_of_n, PrefixGroup([99], 0, 30)])
    assert [g.prefix_length for g in cut] == [480, 480, 480, 0]
    assert [g.text_ids for g in cut[:3]] == [g.text_ids for g in best_of_n]
    assert 480 % PREFIX_STEP == 0
    assert PASS_TOKENS < 16 * 480
