"""The best share of scored rows: order kept, ties together, rows without a number counted."""

from pathlib import Path

import pytest

from mlx_reward.inference.filter import Side, keep_share
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import read_jsonl, write_jsonl

REWARDS = [3.0, 1.0, 4, 1.0, 5.0, None, 9.0, 2.0, 6.0, "7"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "scored.jsonl"
    write_jsonl(path, ({"id": i, "reward": r} for i, r in enumerate(REWARDS)))
    return path


@pytest.mark.parametrize(
    ("side", "share", "ids"),
    [
        ("top", 0.5, [2, 4, 6, 8]),
        ("bottom", 0.25, [1, 3]),
        ("top", 1.0, [0, 1, 2, 3, 4, 6, 7, 8]),
        ("top", 0.01, [6]),
    ],
)
def test_the_share_is_kept_in_order(source: Path, side: Side, share: float, ids: list[int]) -> None:
    target = source.with_name("kept.jsonl")
    assert keep_share(source, target, "reward", side, share) == (len(ids), 8, 2)
    assert [row["id"] for row in read_jsonl(target)] == ids


@pytest.mark.parametrize(
    ("field", "share", "message"),
    [
        ("reward", 0.0, "--top is 0.0: not a share"),
        ("score", 0.5, "no row has a number in the field 'score'"),
    ],
)
def test_wrong_arguments_are_one_line_and_write_nothing(
    source: Path, field: str, share: float, message: str
) -> None:
    target = source.with_name("kept.jsonl")
    with pytest.raises(InputError, match=message):
        keep_share(source, target, field, "top", share)
    assert not target.exists()


def test_odd_values_pass_and_numbers_too_large_do_not_count(tmp_path: Path) -> None:
    """Each of these ended `filter` with a traceback."""
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    odd = ['"x": NaN', '"x": "\\ud800"', '"x": 1, "x": 2', f'"y": {10**400}']
    lines = [f'{{"reward": 1, {fields}}}\n' for fields in odd]
    source.write_text("".join([*lines, f'{{"reward": {10**400}}}\n']))
    assert keep_share(source, target, "reward", "top", 1.0) == (4, 4, 1)
    assert [row.get("x") for row in read_jsonl(target)] == ["NaN", "\\ud800", None, None]


def test_the_source_is_not_filtered_onto_itself(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    write_jsonl(source, [{"reward": 1}, {"reward": 2}])
    with pytest.raises(InputError, match="the source itself"):
        keep_share(source, source, "reward", "top", 0.5)
    assert keep_share(source, Path("/dev/null"), "reward", "top", 0.5) == (1, 2, 0)
    assert len(list(read_jsonl(source))) == 2
