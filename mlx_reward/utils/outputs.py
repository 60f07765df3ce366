"""Where a command writes what its user names: looked at before the work, never at another's cost.

A file of rows may replace a file; a folder replaces none but its own kind, and only where asked.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import read_json, recover, whole_folder, write_json

CONTENTS = ".mlx-reward.json"  # in a written folder: the names of all files that it came with


def output_file(target: Path, source: Path | None = None) -> Path:
    """Return the file that rows for ``target`` go to: itself, or what a symbolic link leads to.

    InputError where it is a folder, lies in none, cannot be written, or is ``source`` itself.
    """
    if is_stream(target):
        return target
    path = Path(os.path.realpath(target))
    if path.is_dir():
        raise InputError(f"{target}: a folder; name a file")
    if not path.parent.is_dir():
        raise InputError(f"{target}: its folder is not there; make it, or mend the path")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{target}: its folder cannot be written; name another")
    if source is not None and path.exists() and source.exists() and path.samefile(source):
        raise InputError(f"{target}: the source itself; name another file")
    return path


def is_stream(path: Path) -> bool:
    """Return whether ``path`` is no file to replace but a device, a pipe or a socket."""
    return path.exists() and not path.is_file() and not path.is_dir()


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold ``path`` for this process; InputError where another one holds it.

    The operating system ends the lock with its process, however that ends.
    """
    from filelock import FileLock, Timeout  # here, for a start without it

    held = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        held.acquire(blocking=False)
    except Timeout:
        raise InputError(
            f"{path}: another process is writing it; wait for that one, or name another file"
        ) from None
    try:
        yield
    finally:
        Path(held.lock_file).unlink(missing_ok=True)  # held still, so that nobody's is removed
        held.release()


@contextmanager
def output_folder(target: Path, sources: Iterable[Path], overwrite: bool) -> Iterator[Path]:
    """Give a temporary folder that becomes ``target``.

    A ``target`` that is not empty, or is or holds one of ``sources``, is refused at once;
    ``overwrite`` allows a folder that this function wrote and nobody has added to.
    """
    sources = list(sources)
    recover(target)
    check_folder(target, sources, overwrite)
    with whole_folder(target) as temporary:
        yield temporary
        write_json(temporary / CONTENTS, {"written by": "mlx-reward", "files": _files(temporary)})
        check_folder(target, sources, overwrite)  # again, for the work can take long


def check_folder(target: Path, sources: Iterable[Path], overwrite: bool) -> None:
    """Refuse a ``target`` that ``output_folder`` would refuse, before long work begins."""
    if target.is_symlink():
        raise InputError(f"{target}: a symbolic link; name the folder that it leads to")
    if target.exists() and not target.is_dir():
        raise InputError(f"{target}: not a folder; name another")
    place = target.resolve()
    for source in [*sources, Path.cwd()]:
        if place == source.resolve() or place in source.resolve().parents:
            raise InputError(f"{target}: is or holds {source}, which is in use; name another")
    if target.exists() and any(target.iterdir()):
        _check_replaceable(target, overwrite)
    _check_writable(target)


def _check_replaceable(folder: Path, overwrite: bool) -> None:
    if not overwrite:
        raise InputError(
            f"{folder}: there already, and not empty; name another folder, or give --overwrite "
            "to replace one that mlx-reward exported or imported"
        )
    foreign = sorted(set(_files(folder)) - _written(folder))
    if foreign:
        raise InputError(
            f"{folder}: --overwrite replaces what mlx-reward wrote, and {foreign[0]} is something "
            "else; name another folder, or remove this one yourself"
        )


def _written(folder: Path) -> set[str]:
    """Return the names of the files that ``output_folder`` wrote to ``folder``."""
    contents = folder / CONTENTS
    if contents.is_symlink() or not contents.is_file():
        return set()
    fields = read_json(contents, "remove the folder yourself")
    names = fields.get("files") if isinstance(fields, dict) else None
    if not isinstance(names, list):
        return set()
    return {CONTENTS, *(name for name in names if isinstance(name, str))}


def _check_writable(target: Path) -> None:
    parent = next(parent for parent in target.resolve().parents if parent.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"{target}: nothing can be written to {parent}; name another folder")


def _files(folder: Path) -> list[str]:
    """Return the names of all that is no folder below ``folder``, relative to it."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )
