"""Which token stands where, and which it sees, when texts run without padding."""

from mlx_reward.engine.prefix_groups import group_by_prefix
from mlx_reward.engine.varlen_layout import Chunk, lay_out

TEXTS = [[1, 2, 3, 4], [1, 2, 5], [6, 7, 8, 9, 10]]


def test_a_shared_prompt_stands_once_and_texts_in_chunks(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("mlx_reward.engine.varlen_layout.CHUNK", 3)
    layout = lay_out(group_by_prefix(TEXTS, ["a", "a", "b"]), TEXTS)
    assert layout.chunks == [
        Chunk(2, 0, 3, ()),
        Chunk(2, 3, 5, (0,)),
        Chunk(0, 0, 2, ()),
        Chunk(0, 2, 4, (2,)),
        Chunk(1, 2, 3, (2,)),
    ]
    assert layout.token_ids(TEXTS).tolist() == [6, 7, 8, 9, 10, 1, 2, 3, 4, 5]
    assert layout.position_ids.tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 2]
    assert layout.sequence_ids.tolist() == [2, 2, 2, 2, 2, 0, 0, 0, 0, 1]
    assert layout.cu_seqlens.tolist() == [0, 3, 5, 7, 9, 10]
    assert layout.last_token_indices.tolist() == [4, 8, 9]
    assert [rows.tolist() for rows in layout.token_indices()] == [
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8],
        [5, 6, 9],
    ]
