"""The folder for what is fetched or made once for every project on this machine."""

import os
import tempfile
from pathlib import Path

import platformdirs

NAME = "mlx-reward"


def cache_folder() -> Path:
    """Return the cache folder, and make it if it is not there.

    It is $XDG_CACHE_HOME/mlx-reward, else the platform's own: ~/.cache/mlx-reward on Linux,
    ~/Library/Caches/mlx-reward on a Mac. Where that cannot be written, it is a temporary folder.
    """
    wanted = _wanted()
    try:
        wanted.mkdir(parents=True, exist_ok=True)
    except OSError:
        return _temporary()
    return wanted if os.access(wanted, os.W_OK) else _temporary()


def _wanted() -> Path:
    # Read here too, because older releases of platformdirs do not on a Mac.
    xdg_cache_home = os.environ.get("XDG_CACHE_HOME")
    if xdg_cache_home:
        return Path(xdg_cache_home) / NAME
    return platformdirs.user_cache_path(NAME)


def _temporary() -> Path:
    """Return a temporary folder of this user; platformdirs does not look for a writable one."""
    folder = Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
