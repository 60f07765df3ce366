"""Files that data.source names."""

from pathlib import Path

import pytest

from mlx_reward.data.sources.files import find
from mlx_reward.utils.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    for name in ("b.jsonl", "a.csv.gz", "deep/c.parquet", "notes.txt", ".hidden.jsonl"):
        (tmp_path / name).write_text("")
    return tmp_path


def names(found: list[Path] | None) -> list[str]:
    return [path.name for path in found or []]


def test_a_folder_is_all_its_data_files_in_order(folder: Path) -> None:
    assert names(find(str(folder))) == ["a.csv.gz", "b.jsonl", "c.parquet"]


def test_a_glob_and_a_file(folder: Path) -> None:
    assert names(find(f"{folder}/*.jsonl")) == ["b.jsonl"]
    assert names(find(f"{folder}/**/*.parquet")) == ["c.parquet"]
    assert names(find(str(folder / "b.jsonl"))) == ["b.jsonl"]


def test_a_relative_glob(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert names(find("deep/*.parquet")) == ["c.parquet"]


@pytest.mark.parametrize("source", ["", "  ", "~nouser/x", "***", "**/***", "/***"])
def test_what_is_no_path_is_one_line(source: str) -> None:
    """The empty source read every file below the working directory; others were tracebacks."""
    with pytest.raises(InputError, match="data.source is"):
        find(source)


def test_nothing_there_is_told(folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(
        InputError,
        match="empty: no .jsonl, .ndjson, .json, .csv, .tsv, .parquet file in this folder",
    ):
        find(str(folder / "empty"))
    with pytest.raises(InputError, match="no data file matches"):
        find(f"{folder}/*.json")
    assert find("owner/name") is None
