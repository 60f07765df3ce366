"""Safetensors files that are whole: MLX does not notice a full disk."""

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mlx.core as mx


def save(
    path: Path, tensors: "dict[str, mx.array]", metadata: dict[str, str] | None = None
) -> None:
    """Write ``tensors`` and ``metadata``; OSError (ENOSPC) where the file is too small for them."""
    import mlx.core as mx  # here, so that this room loads no MLX

    with path.open("wb") as file:  # not its name, to which MLX would add a suffix
        mx.save_safetensors(file, tensors, metadata={"format": "mlx", **(metadata or {})})
    if path.stat().st_size < sum(t.nbytes for t in tensors.values()):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
