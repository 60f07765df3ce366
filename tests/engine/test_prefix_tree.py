"""Sorted texts: cut into batches and parts, and where later texts branch off."""

import numpy as np
import pytest

from mlx_reward.engine.prefix_tree import sort_texts
from mlx_reward.engine.varlen_layout import lay_out


def random_texts(seed: int, count: int = 40) -> list[list[int]]:
    """Texts that share beginnings of any length, some of them equal or the beginning of others."""
    rng = np.random.default_rng(seed)
    texts = [rng.integers(0, 99, 60).tolist()]
    for _ in range(count - 1):
        other = texts[rng.integers(len(texts))]
        own = rng.integers(0, 99, rng.integers(0, 30)).tolist()
        texts.append(other[: rng.integers(1, len(other) + 1)] + own)
    return texts


@pytest.mark.parametrize("seed", range(10))
def test_whatever_texts_share_each_finds_all_its_tokens(seed: int) -> None:
    texts = random_texts(seed)
    ordered = sort_texts(texts)
    layout = lay_out(ordered, texts)
    tokens = layout.token_ids(texts)
    for text_id, rows in zip(ordered.text_ids, layout.token_indices(), strict=True):
        assert tokens[rows].tolist() == texts[text_id]
        assert layout.position_ids[rows].tolist() == list(range(len(texts[text_id])))
    assert tokens[layout.last_token_indices].tolist() == [texts[i][-1] for i in ordered.text_ids]
    assert len(set(layout.last_token_indices.tolist())) == len(texts)
    # What is not shared, because too little would be saved, is little.
    assert ordered.tokens <= len(tokens) < ordered.tokens + 16 * len(texts)


@pytest.mark.parametrize("seed", range(10))
def test_runs_hold_every_text_and_no_more_than_their_capacity(seed: int) -> None:
    texts = random_texts(seed)
    for run in sort_texts(texts).runs(100):
        assert run.tokens <= 100 or len(run.text_ids) == 1
        assert run == sort_texts_of(texts, run.text_ids)
    found = [i for run in sort_texts(texts).runs(100) for i in run.text_ids]
    assert sorted(found) == list(range(len(texts)))


def sort_texts_of(texts: list[list[int]], text_ids: list[int]):  # type: ignore[no-untyped-def]
    """The sorted texts of some alone, with their numbers among all."""
    own = sort_texts([texts[i] for i in text_ids])
    return type(own)([text_ids[i] for i in own.text_ids], own.shared, own.lengths)


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_parts_are_of_about_equal_work(count: int) -> None:
    texts = random_texts(0)
    parts = sort_texts(texts).parts(count)
    assert sorted(i for part in parts for i in part.text_ids) == list(range(len(texts)))
    assert len(parts) <= count
    largest = max(part.tokens for part in parts)
    cuts = [c for c in range(1, len(texts)) if count == 2]
    ordered = sort_texts(texts)
    for cut in cuts:  # no cut in two is better
        halves = (ordered.text_ids[:cut], ordered.text_ids[cut:])
        assert largest <= max(sort_texts_of(texts, half).tokens for half in halves)
