"""Digests that say whether a stored result may be used again.

They are of its inputs, of the code that computed it, and of the versions of the libraries.
"""

import hashlib
import json
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
LIBRARIES = ("mlx", "mlx-lm", "numpy", "scipy", "scipy-openblas32", "tokenizers", "transformers")


def fingerprint(*parts: object) -> str:
    """Return the SHA-256 of ``parts``, which JSON can hold or ``str`` can name."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def code_digest(rooms: Iterable[str], package: Path = PACKAGE) -> str:
    """Return a digest of all Python files of ``rooms`` of ``package``, and of LIBRARIES' versions.

    A result stored under it is used again exactly as long as nothing that computed it has changed.
    A room that does not exist raises FileNotFoundError, so that a renamed one is not left out.
    """
    files = {
        f"{path.relative_to(package)}": path.read_text(encoding="utf-8")
        for room in rooms
        for path in _files(package, room)
    }
    return fingerprint(files, {library: _version(library) for library in LIBRARIES})


def _files(package: Path, room: str) -> list[Path]:
    found = sorted((package / room).rglob("*.py"))
    if not found:
        raise FileNotFoundError(f"{package / room} holds no Python files")
    return found


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:  # scipy-openblas32 on a Mac
        return "none"
