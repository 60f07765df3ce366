"""Which token stands where, and which it sees, when texts run packed."""

from mlx_reward.bundles import bundle
from mlx_reward.layout import Block, lay_out

TEXTS = [[1, 2, 3, 4], [1, 2, 5], [6, 7, 8, 9, 10]]


def test_a_shared_prompt_stands_once_and_texts_in_blocks(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("mlx_reward.layout.BLOCK", 3)
    layout = lay_out(bundle(TEXTS, ["a", "a", "b"]), TEXTS)
    assert layout.blocks == [
        Block(2, 0, 3, ()),
        Block(2, 3, 5, (0,)),
        Block(0, 0, 2, ()),
        Block(0, 2, 4, (2,)),
        Block(1, 2, 3, (2,)),
    ]
    assert layout.tokens(TEXTS).tolist() == [6, 7, 8, 9, 10, 1, 2, 3, 4, 5]
    assert layout.positions.tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 2]
    assert layout.owners.tolist() == [2, 2, 2, 2, 2, 0, 0, 0, 0, 1]
    assert layout.last.tolist() == [4, 8, 9]
    assert [rows.tolist() for rows in layout.rows()] == [[0, 1, 2, 3, 4], [5, 6, 7, 8], [5, 6, 9]]
