"""Which token stands where, and which it sees, when texts run without padding."""

import pytest

from mlx_reward.engine.prefix_tree import SortedTexts, sort_texts
from mlx_reward.engine.varlen_layout import Chunk, lay_out

TEXTS = [[1, 2, 3, 4], [1, 2, 5], [6, 7, 8, 9, 10]]


def test_a_shared_prefix_stands_once_and_texts_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlx_reward.engine.varlen_layout.CHUNK", 3)
    layout = lay_out(sort_texts(TEXTS), TEXTS, min_saved=1)
    assert layout.chunks == [
        Chunk(0, 0, 2, ()),
        Chunk(0, 2, 4, (0,)),
        Chunk(1, 2, 3, (0,)),
        Chunk(2, 0, 3, ()),
        Chunk(2, 3, 5, (3,)),
    ]
    assert layout.token_ids(TEXTS).tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert layout.position_ids.tolist() == [0, 1, 2, 3, 2, 0, 1, 2, 3, 4]
    assert layout.sequence_ids.tolist() == [0, 0, 0, 0, 1, 2, 2, 2, 2, 2]
    assert layout.cu_seqlens.tolist() == [0, 2, 4, 5, 8, 10]
    assert layout.last_token_indices.tolist() == [3, 4, 9]
    assert [rows.tolist() for rows in layout.token_indices()] == [
        [0, 1, 2, 3],
        [0, 1, 4],
        [5, 6, 7, 8, 9],
    ]


def test_prefixes_within_prefixes_stand_once() -> None:
    """A prompt, two responses that begin alike, one of which is the beginning of a third."""
    texts = [[1, 2, 9], [1, 2, 3, 4, 5], [1, 2, 3, 4], [7]]
    ordered = sort_texts(texts)
    assert ordered == SortedTexts([2, 1, 0, 3], [0, 3, 2, 0], [4, 5, 3, 1])
    layout = lay_out(ordered, texts, min_saved=1)
    assert layout.token_ids(texts).tolist() == [1, 2, 3, 4, 4, 5, 9, 7]
    assert len(layout.token_ids(texts)) == ordered.tokens
    for text_id, rows in zip(ordered.text_ids, layout.token_indices(), strict=True):
        assert layout.token_ids(texts)[rows].tolist() == texts[text_id]
        assert layout.position_ids[rows].tolist() == list(range(len(texts[text_id])))
