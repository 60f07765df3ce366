"""Files appear whole or not at all."""

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import (
    read_json,
    read_jsonl,
    recover,
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


KILLED = """
import os, signal, sys
from pathlib import Path
from mlx_reward.utils import files

target, moment = Path(sys.argv[1]), sys.argv[2]
renames = []
replace = Path.replace

def counted(self, other):
    if moment == f"before rename {len(renames)}":
        os.kill(os.getpid(), signal.SIGKILL)
    renames.append(other)
    replace(self, other)

Path.replace = counted
if moment == "file":
    with files.whole_file(target) as temporary:
        temporary.write_text("half of a longer text")
        os.kill(os.getpid(), signal.SIGKILL)
with files.whole_folder(target) as temporary:
    (temporary / "half").write_text("new")
"""


def kill(target: Path, moment: str) -> None:
    command = [sys.executable, "-c", KILLED, str(target), moment]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL


def test_what_a_killed_process_left_is_taken_over_by_the_next(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    kill(target, "file")
    assert target.read_text() == "old"
    with whole_file(target) as temporary:
        temporary.write_text("new")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert target.read_text() == "new"


@pytest.mark.parametrize("moment", ["before rename 0", "before rename 1"])
def test_a_folder_survives_a_kill_in_the_middle_of_its_replacement(
    tmp_path: Path, moment: str
) -> None:
    target = tmp_path / "f"
    with whole_folder(target) as temporary:
        (temporary / "x").write_text("old")
    kill(target, moment)
    recover(target)
    assert (target / "x").read_text() == "old"
    with whole_folder(target) as temporary:
        (temporary / "y").write_text("new")
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")) == ["f", "f/y"]


def test_writers_of_one_file_wait_for_each_other(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"

    def write(n: int) -> None:
        with whole_file(target) as temporary:
            temporary.write_text(f"{n}" * 1000)
            time.sleep(0.001)
            assert temporary.read_text() == f"{n}" * 1000

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_link_in_the_place_of_a_temporary_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".a.txt.tmp").symlink_to("precious")
    with pytest.raises(OSError, match=r"a\.txt\.tmp"), whole_file(tmp_path / "a.txt"):
        pass
    assert (tmp_path / "precious").read_text() == "mine"


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
