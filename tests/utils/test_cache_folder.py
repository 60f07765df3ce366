"""The cache folder is where the platform has it, or where XDG_CACHE_HOME says."""

import sys
from pathlib import Path

import pytest

from mlx_reward.utils.cache_folder import cache_folder


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
