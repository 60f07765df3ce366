"""Safetensors files that are whole: MLX does not notice a disk that is full."""

import errno
import os
from pathlib import Path

import mlx.core as mx


def save(path: Path, tensors: dict[str, mx.array]) -> None:
    """Write ``tensors``; OSError (ENOSPC) where fewer bytes arrived than were sent."""
    mx.save_safetensors(str(path), tensors, metadata={"format": "mlx"})
    if path.stat().st_size < sum(t.nbytes for t in tensors.values()):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
