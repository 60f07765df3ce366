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


def load(path: Path) -> "dict[str, mx.array]":
    """Return the tensors in ``path``; ValueError where it is no whole safetensors file."""
    import mlx.core as mx

    check(path)
    loaded: dict[str, mx.array] = mx.load(str(path), format="safetensors")  # type: ignore[assignment]
    return loaded


def check(path: Path) -> None:
    """Raise ValueError where ``path`` is no whole safetensors file.

    MLX trusts the sizes and offsets that a file states, this library does not.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ValueError(f"{path}: not there, or not a file")
    try:
        with safe_open(path, framework="numpy"):
            pass
    except SafetensorError as error:
        raise ValueError(f"{path}: no whole safetensors file ({error})") from None
