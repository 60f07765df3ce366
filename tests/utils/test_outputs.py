"""A named output costs nobody anything: no folder is lost, no stream replaced, no file shared."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlx_reward.utils.errors import InputError
from mlx_reward.utils.outputs import is_stream, lock, output_file, output_folder


def write(target: Path, name: str, overwrite: bool = False, sources: tuple[Path, ...] = ()) -> None:
    with output_folder(target, sources, overwrite) as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub" / name).write_text(name)


def refuse(target: Path, sources: list[Path], overwrite: bool) -> None:
    with output_folder(target, sources, overwrite):
        raise AssertionError("it was not refused")


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_folder_with_anything_in_it_stays(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "thesis.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="d: "):
            write(tmp_path / "d", "a", overwrite)
    assert names(tmp_path) == ["d/thesis.txt"]


def test_an_empty_or_missing_folder_is_written(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for target in (tmp_path / "empty", tmp_path / "deep" / "new"):
        write(target, "a")
        assert names(target) == [".mlx-reward.json", "sub/a"]


def test_overwrite_replaces_what_was_written_here_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "d"
    write(target, "a")
    with pytest.raises(InputError, match="there already, and not empty; .* --overwrite"):
        write(target, "b")
    write(target, "b", overwrite=True)
    assert names(target) == [".mlx-reward.json", "sub/b"]
    (target / "sub" / "notes.txt").touch()
    with pytest.raises(InputError, match="sub/notes.txt is something else"):
        write(target, "c", overwrite=True)
    assert names(target) == [".mlx-reward.json", "sub/b", "sub/notes.txt"]


@pytest.mark.parametrize("contents", ["[]", '{"files": "sub/a"}', '{"files": 7}', "{}"])
def test_a_forged_list_of_contents_opens_nothing(tmp_path: Path, contents: str) -> None:
    (tmp_path / "x").touch()
    (tmp_path / ".mlx-reward.json").write_text(contents)
    with pytest.raises(InputError, match=" is something else"):
        refuse(tmp_path, [], overwrite=True)


def test_a_target_that_is_or_holds_a_source_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "ck" / "rm_model_bt"
    source.mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "ck")
    for target in (source, source.parent, tmp_path, source / ".." / ".."):
        with pytest.raises(InputError, match="is or holds .*rm_model_bt"):
            refuse(target, [source], overwrite=True)
    with pytest.raises(InputError, match="is or holds .*rm_model_bt"):
        refuse(tmp_path / "ck", [link / "rm_model_bt"], overwrite=True)
    with pytest.raises(InputError, match="link: a symbolic link"):
        refuse(link, [], overwrite=True)


def test_the_working_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for target in (Path(), Path(".."), tmp_path):
        with pytest.raises(InputError, match="is or holds"):
            refuse(target, [], overwrite=True)


def test_what_comes_to_the_target_during_the_work_stays(tmp_path: Path) -> None:
    target = tmp_path / "d"
    with pytest.raises(InputError, match="there already"), output_folder(target, [], False):
        target.mkdir()
        (target / "thesis.txt").touch()
    assert names(tmp_path) == ["d/thesis.txt"]


def test_a_file_a_file_above_and_a_closed_folder_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(InputError, match="f: not a folder"):
        refuse(tmp_path / "f", [], overwrite=True)
    with pytest.raises(InputError, match="g: nothing can be written to"):
        refuse(tmp_path / "f" / "g", [], overwrite=True)


def test_a_file_of_rows_is_looked_at_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").touch()
    os.link(tmp_path / "rows.jsonl", tmp_path / "same.jsonl")
    (tmp_path / "to_rows").symlink_to("rows.jsonl")
    (tmp_path / "to_nothing").symlink_to("new.jsonl")
    assert output_file(tmp_path / "to_rows") == (tmp_path / "rows.jsonl").resolve()
    assert output_file(tmp_path / "to_nothing") == tmp_path.resolve() / "new.jsonl"
    with pytest.raises(InputError, match="a folder; name a file"):
        output_file(tmp_path)
    with pytest.raises(InputError, match="gone/x.jsonl: its folder is not there"):
        output_file(Path("gone/x.jsonl"))
    for same in ("rows.jsonl", "same.jsonl", "to_rows"):
        with pytest.raises(InputError, match="the source itself"):
            output_file(tmp_path / same, tmp_path / "rows.jsonl")


def test_devices_and_pipes_are_streams(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    for path in (tmp_path / "pipe", tmp_path / "null", Path("/dev/null")):
        assert is_stream(path)
        assert output_file(path) == path
    assert not is_stream(tmp_path)
    assert not is_stream(tmp_path / "gone")


HOLD = """
import sys
from pathlib import Path
from mlx_reward.utils.outputs import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(output)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="another process is writing it"), lock(output):
            pass
        process.kill()  # no chance to tidy up
    with lock(output), pytest.raises(InputError, match="another process"), lock(output):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_whose_replacement_was_cut_off_is_back_before_it_is_looked_at(
    tmp_path: Path,
) -> None:
    write(tmp_path / "d", "old")
    (tmp_path / "d").rename(tmp_path / ".d.old.tmp")
    with pytest.raises(InputError, match="d: there already"):
        write(tmp_path / "d", "new")
    assert names(tmp_path / "d") == [".mlx-reward.json", "sub/old"]
