"""The cache folder is where the platform has it, or where XDG_CACHE_HOME says."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlx_reward.utils.cache_folder import _private, cache_folder


@pytest.fixture(autouse=True)
def _forget_private_folder() -> Iterator[None]:
    yield
    _private.cache_clear()


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_xdg_cache_home_decides_on_every_platform(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_folder() == tmp_path / "cache" / "mlx-reward"
    assert cache_folder().is_dir()


@pytest.mark.skipif(sys.platform != "linux", reason="the folder of Linux")
@pytest.mark.parametrize("unset", [None, ""])
def test_without_it_the_cache_of_linux_is_in_the_home_folder(
    unset: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if unset is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
    assert cache_folder() == tmp_path / ".cache" / "mlx-reward"


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o707])
def test_a_folder_that_others_can_write_is_not_used(
    mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library is loaded from it: what others put there would run as this user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "mlx-reward").mkdir()
    (tmp_path / "mlx-reward").chmod(mode)
    found = cache_folder()
    assert found == tmp_path / "tmp" / f"mlx-reward-{os.getuid()}"
    assert found.stat().st_mode & 0o777 == 0o700
    found.chmod(mode)  # somebody made that one, too
    private = cache_folder()
    assert private.parent == tmp_path / "tmp"
    assert private.stat().st_mode & 0o777 == 0o700
    assert cache_folder() == private


def test_a_folder_of_somebody_else_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "mlx-reward").mkdir(mode=0o700)
    me = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: me + 1)
    assert cache_folder() not in (tmp_path / "mlx-reward", tmp_path / f"mlx-reward-{me + 1}")


def test_a_link_to_a_folder_of_ones_own_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "large_disk").mkdir(mode=0o700)
    (tmp_path / "mlx-reward").symlink_to("large_disk")
    assert cache_folder() == tmp_path / "mlx-reward"


def test_a_link_in_the_temporary_folder_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever made it could lead it elsewhere between the check and the use."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "trap").mkdir(mode=0o700)
    (tmp_path / f"mlx-reward-{os.getuid()}").symlink_to("trap")
    assert cache_folder().name not in ("trap", f"mlx-reward-{os.getuid()}")
