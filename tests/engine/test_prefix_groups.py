"""Texts that share a prefix: grouped, dealt to streams of equal work, and put into batches."""

import pytest

from mlx_reward.engine.prefix_groups import balance, common_prefix, group_by_prefix, token_batches
from tests.engine.test_engine import PROMPTS, TEXTS


@pytest.mark.parametrize("parts", [1, 2, 3, 50])
def test_balancing_loses_nothing_and_leaves_no_part_empty(parts: int) -> None:
    dealt = balance(group_by_prefix(TEXTS, PROMPTS), TEXTS, parts)
    assert sorted(i for part in dealt for g in part for i in g.text_ids) == list(range(len(TEXTS)))
    assert all(dealt)
    assert len(dealt) == min(parts, len(TEXTS))


def test_a_group_keeps_one_token_of_every_text_behind_the_prefix() -> None:
    """A response that is the beginning of another still has a last token of its own to read the
    reward at.
    """
    assert common_prefix([[1, 2, 3], [1, 2, 3, 4]]) == 2
    assert common_prefix([[1], [1]]) == 0
    assert [g.prefix_length for g in group_by_prefix(TEXTS, PROMPTS)] == [20, 0, 7]


def test_batches_hold_every_text_and_about_the_token_budget() -> None:
    found = token_batches(TEXTS, PROMPTS, 120)
    assert sorted(i for b in found for i in b) == list(range(len(TEXTS)))
    assert len(found) > 1
    for batch in found:
        tokens = sum(
            g.tokens
            for g in group_by_prefix([TEXTS[i] for i in batch], [PROMPTS[i] for i in batch])
        )
        assert tokens <= 120 + 20 or len(batch) == 1
