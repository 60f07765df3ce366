"""What makes MLX quick on a Linux CPU. It has to happen before mlx is imported, so ``mlx_reward/__init__`` calls it.

On a Mac, or where MLX's CUDA build is installed, nothing of it runs.
"""

import ctypes
import os
import sys
from importlib import metadata

from mlx_reward import blas

M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8  # malloc.h


def prepare() -> str:
    """Set up BLAS, allocator and scheduler; returns the line about BLAS, empty where nothing had to be done."""
    if not sys.platform.startswith("linux") or not _has_cpu_build():
        return ""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # every core has a stream of its own: mlx_reward/lanes.py
    # MLX evaluates depth first beyond this width, which runs one stream after the other instead of side by side.
    os.environ.setdefault("MLX_BFS_MAX_WIDTH", "10000")
    keep_freed_memory()
    return blas.load()


def _has_cpu_build() -> bool:
    try:
        metadata.version("mlx-cpu")
    except metadata.PackageNotFoundError:
        return False
    return True


def keep_freed_memory() -> None:
    """Let glibc reuse large blocks: MLX allocates every result anew, and fresh pages cost more than the arithmetic."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return
    mallopt(M_ARENA_MAX, 1)
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
