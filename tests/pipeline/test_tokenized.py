"""A split of which nothing can be used is one line, at every stage that reads one."""

from pathlib import Path

import pytest

from mlx_reward.data.chat import Renderer
from mlx_reward.data.pair import Pair
from mlx_reward.pipeline.tokenized import tokenized
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import write_jsonl
from tests import tiny


@pytest.mark.parametrize(
    ("count", "reason"),
    [
        (3, r"rm_test.jsonl: every pair has a response over train.max_seq_length \(20 tokens\)"),
        (0, "rm_test.jsonl holds no pairs; raise split.test_size"),
    ],
)
def test_nothing_to_use(tmp_path: Path, count: int, reason: str) -> None:
    pairs = [Pair(prompt="q", chosen="x" * 300, rejected="y", id=str(n)) for n in range(count)]
    path = tmp_path / "rm_test.jsonl"
    write_jsonl(path, (pair.to_row() for pair in pairs))
    with pytest.raises(InputError, match=reason):
        tokenized(path, Renderer(tiny.tokenizer(), 20))


def test_what_fits_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "rm_test.jsonl"
    rows = [Pair(prompt="q", chosen=c, rejected="y", id=c[:2]) for c in ("no", "x" * 300)]
    write_jsonl(path, (pair.to_row() for pair in rows))
    dataset = tokenized(path, Renderer(tiny.tokenizer(), 200))
    assert [pair.id for pair in dataset.pairs] == ["no"]
    assert dataset.dropped == ["xx"]
