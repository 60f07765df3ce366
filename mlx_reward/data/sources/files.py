"""The files that a path, a folder or a glob names."""

from collections.abc import Iterable
from pathlib import Path

from mlx_reward.data.formats.opening import KINDS, kind
from mlx_reward.utils.errors import InputError


def find(source: str) -> list[Path] | None:
    """Return the data files of ``source`` in order of name; None where it is no path at all.

    InputError where it cannot be one, or names no data file.
    """
    if not source.strip():  # the path "" is the working directory
        raise InputError("data.source is empty; name a file, a folder or a preset in params.yaml")
    try:
        return _find(source, Path(source).expanduser())
    except (RuntimeError, ValueError, NotImplementedError) as error:
        # A home folder of nobody, a NUL, "***".
        raise InputError(f"data.source is {source!r}, which is no path ({error})") from None


def _find(source: str, path: Path) -> list[Path] | None:
    if path.is_dir():
        found = _data_files(path.rglob("*"))
        if not found:
            raise InputError(
                f"{path}: no {', '.join(KINDS)} file in this folder; "
                "check data.source in params.yaml"
            )
        return found
    if path.is_file():
        return [path]
    if any(c in source for c in "*?["):
        base = Path(path.anchor) if path.is_absolute() else Path()
        found = _data_files(base.glob(str(path.relative_to(base))))
        if not found:
            raise InputError(f"{source}: no data file matches; check data.source in params.yaml")
        return found
    return None


def _data_files(paths: Iterable[Path]) -> list[Path]:
    return sorted(p for p in paths if p.is_file() and kind(p) and not p.name.startswith("."))
