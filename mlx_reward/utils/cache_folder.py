"""The folder for what is fetched or made once for every project on this machine."""

import atexit
import os
import shutil
import stat
import tempfile
from functools import cache
from pathlib import Path

import platformdirs

NAME = "mlx-reward"


def cache_folder() -> Path:
    """Return the cache folder, and make it if it is not there.

    It is $XDG_CACHE_HOME/mlx-reward, else the platform's own: ~/.cache/mlx-reward on Linux,
    ~/Library/Caches/mlx-reward on a Mac. Where that cannot be written, belongs to somebody else or
    can be written by others, it is a temporary folder: a library is loaded from it.
    """
    shared = Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"
    wanted = _wanted()
    if _is_own(wanted):
        return wanted
    if not shared.is_symlink() and _is_own(shared):  # who made a link there may change it
        return shared
    return _private()


def _is_own(folder: Path) -> bool:
    """Make ``folder`` where there is none; return whether nobody but this user can write to it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.stat()
    except OSError:
        return False
    own = state.st_uid == os.getuid() and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return own and os.access(folder, os.W_OK)


def _wanted() -> Path:
    # Read here too, because older releases of platformdirs do not on a Mac.
    xdg_cache_home = os.environ.get("XDG_CACHE_HOME")
    if xdg_cache_home:
        return Path(xdg_cache_home) / NAME
    return platformdirs.user_cache_path(NAME)


@cache
def _private() -> Path:
    """Return a new temporary folder, for as long as this process runs."""
    folder = tempfile.mkdtemp(prefix=f"{NAME}-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
