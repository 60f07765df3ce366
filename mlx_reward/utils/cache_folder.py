"""Where things are kept that are fetched or made once for every project on this machine."""

import os
import sys
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/mlx-reward, by default in ~/.cache (~/Library/Caches on a Mac); a temporary one if not writable."""
    default = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    wanted = Path(os.environ.get("XDG_CACHE_HOME") or default) / "mlx-reward"
    try:
        wanted.mkdir(parents=True, exist_ok=True)
        if os.access(wanted, os.W_OK):
            return wanted
    except OSError:
        pass
    fallback = Path(tempfile.gettempdir()) / f"mlx-reward-{os.getuid()}"
    fallback.mkdir(mode=0o700, exist_ok=True)
    return fallback
