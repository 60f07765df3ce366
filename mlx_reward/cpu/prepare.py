"""What makes MLX quick on a Linux CPU. It has to happen before mlx is imported.

On a Mac, or where MLX's CUDA build is installed, nothing of it runs.
"""

import ctypes
import os
import sys
from importlib import metadata

from mlx_reward.cpu import blas
from mlx_reward.cpu.way import forced_accelerator_way
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.install import install_command

M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8  # malloc.h

_status: str | None = None  # None until prepare was called


def prepare() -> None:
    """Set up BLAS, allocator and scheduler, once, and load MLX; further calls do nothing.

    InputError where MLX has no backend.
    """
    global _status
    if _status is not None:
        return
    _status = _prepare()
    _load_mlx()


def _prepare() -> str:
    """Return the name of the BLAS that MLX will use; empty where nothing has to be done."""
    if not sys.platform.startswith("linux") or not _has_cpu_build() or forced_accelerator_way():
        return ""
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # every core has a stream of its own: mlx_reward/engine/streams.py
    # MLX evaluates depth first beyond this width, which runs one stream after the other instead of
    # side by side.
    os.environ.setdefault("MLX_BFS_MAX_WIDTH", "10000")
    keep_freed_memory()
    return blas.load()


def _load_mlx() -> None:
    """Import MLX, whose package on Linux is one of two: its library comes with an extra."""
    try:
        import mlx.core  # noqa: F401
    except ImportError as error:
        if "libmlx" not in str(error):
            raise
        raise InputError(
            f"MLX has no backend here ({error}); {install_command('cpu')}, "
            "or with [cuda] for an NVIDIA GPU"
        ) from None


def status() -> str:
    """Return the name of the BLAS that MLX uses; empty where nothing had to be done."""
    prepare()
    assert _status is not None
    return _status


def _has_cpu_build() -> bool:
    try:
        metadata.version("mlx-cpu")
    except metadata.PackageNotFoundError:
        return False
    return True


def keep_freed_memory() -> None:
    """Let glibc reuse large blocks: MLX allocates every result anew, and fresh pages cost more than
    the arithmetic.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return
    mallopt(M_ARENA_MAX, 1)
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def give_back_memory() -> None:
    """Hand the memory that is free to the system: after ``keep_freed_memory``, glibc keeps it.

    The next batch pays for fresh pages, so this is for after something unusually large.
    """
    try:
        malloc_trim = ctypes.CDLL(None).malloc_trim
    except AttributeError:  # another C library
        return
    malloc_trim(0)
