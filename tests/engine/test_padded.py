"""Right-padded token ids."""

from mlx_reward.engine.padded import pad


def test_padding() -> None:
    tokens, lengths = pad([[1, 2, 3], [4]])
    assert tokens.tolist() == [[1, 2, 3], [4, 0, 0]]
    assert lengths.tolist() == [3, 1]
