"""Files appear whole or not at all."""

import json
from pathlib import Path

import pytest

from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import (
    read_json,
    read_jsonl,
    whole_file,
    whole_folder,
    write_json,
    write_jsonl,
)


def test_a_failure_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), whole_file(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_leaves_the_old_folder_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "checkpoint"
    with whole_folder(target) as temporary:
        (temporary / "x").write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_folder(target) as temporary:
        (temporary / "x").write_text("half")
        raise KeyboardInterrupt
    assert (target / "x").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    for name in ("first", "second"):
        with whole_folder(tmp_path / "f") as temporary:
            (temporary / name).touch()
    assert [p.name for p in (tmp_path / "f").iterdir()] == ["second"]


def test_json_round_trip_and_no_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "m" / "a.json", {"x": 1.5, "é": None})
    assert read_json(tmp_path / "m" / "a.json", "") == {"x": 1.5, "é": None}
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "nan.json", float("nan"))
    assert not (tmp_path / "nan.json").exists()


def test_missing_and_damaged_json_are_one_line_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.json: not there; run x"):
        read_json(tmp_path / "gone.json", "run x")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InputError, match=r"bad.json: not JSON .*; run x"):
        read_json(tmp_path / "bad.json", "run x")


def test_jsonl_keeps_rows_and_order(tmp_path: Path) -> None:
    rows = [{"n": n, "text": "line\nbreak \u2028"} for n in range(3)]
    assert write_jsonl(tmp_path / "a.jsonl", iter(rows)) == 3
    assert list(read_jsonl(tmp_path / "a.jsonl")) == rows


@pytest.mark.parametrize("bad", ["{", "[1]", ""])
def test_jsonl_names_file_and_line(tmp_path: Path, bad: str) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"x": 1}) + "\n" + bad + "\n")
    with pytest.raises(InputError, match=r"a.jsonl, line 2: not"):
        list(read_jsonl(tmp_path / "a.jsonl"))
