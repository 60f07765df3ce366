"""The digest of a backbone: of contents, and not computed anew at each load."""

import os
from pathlib import Path

import pytest

from mlx_reward.backbones import digest as module
from mlx_reward.backbones.digest import digest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    (tmp_path / "base" / "model.safetensors").write_bytes(b"weights")
    return tmp_path / "base"


def test_it_changes_with_a_byte_of_the_weights(folder: Path) -> None:
    before = digest(folder)
    path = folder / "model.safetensors"
    path.write_bytes(b"wEights")
    os.utime(path, ns=(1, 1))  # a clock may be too coarse to tell the two writes apart
    assert digest(folder) != before


def test_it_is_the_same_elsewhere_and_after_a_new_file_time(folder: Path) -> None:
    before = digest(folder)
    os.utime(folder / "config.json", ns=(5, 5))
    assert digest(folder) == before
    folder.rename(folder.with_name("moved"))
    assert digest(folder.with_name("moved")) == before


def test_weights_are_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every load of a checkpoint once read all weights of the backbone."""
    before = digest(folder)
    monkeypatch.setattr(module, "_sha256", None)  # would fail if called
    assert digest(folder) == before


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.parent / "cache" / "mlx-reward").mkdir(parents=True)
    (folder.parent / "cache" / "mlx-reward" / "digests").touch()  # a file where a folder should be
    assert len(digest(folder)) == 64
