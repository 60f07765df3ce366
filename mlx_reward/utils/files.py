"""Files that appear whole or not at all: written under a temporary name, then renamed.

A process that is killed leaves what it had written under that name. The next one that writes the
same file takes the name over, so that nothing is ever left twice.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mlx_reward.utils.errors import InputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary file beside ``path``; it is renamed on success, removed on any failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    with _held(temporary, os.O_RDWR | os.O_CREAT) as descriptor:
        os.ftruncate(descriptor, 0)
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
        finally:
            if _is_at(descriptor, temporary):
                temporary.unlink()


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path``; it replaces ``path``, or is removed on failure.

    For folders of this program's own choice; one that a user names goes through ``utils.outputs``.
    """
    path = path.resolve()  # a link stays one
    with scratch_folder(_new(path)) as temporary:
        _put_back(path)
        yield temporary
        _put_in_place(temporary, path)


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Give ``path`` as an empty folder, which is removed at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _held(path, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        try:
            _empty(path)
            yield path
        finally:
            if _is_at(descriptor, path):
                shutil.rmtree(path, ignore_errors=True)


def recover(path: Path) -> None:
    """Put the folder ``path`` back where a process was killed while it replaced it."""
    path = path.resolve()
    if path.name and _old(path).exists():
        with scratch_folder(_new(path)):  # after a process that is just replacing it
            _put_back(path)


def _put_back(path: Path) -> None:
    old = _old(path)
    if old.exists() and not path.exists():
        old.replace(path)
    shutil.rmtree(old, ignore_errors=True)


def _put_in_place(new: Path, path: Path) -> None:
    """Rename ``new`` to ``path``; an old folder is removed after that, and back on a failure."""
    try:
        if path.exists():
            path.replace(_old(path))
        new.replace(path)
    finally:
        _put_back(path)


def _new(path: Path) -> Path:
    return path.with_name(f".{path.name}.new.tmp")


def _old(path: Path) -> Path:
    return path.with_name(f".{path.name}.old.tmp")


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


@contextmanager
def _held(path: Path, flags: int) -> Iterator[int]:
    """Hold ``path``, which is made if need be, while other processes wait; give its descriptor.

    The operating system ends the lock with its process, however that ends.
    """
    while True:
        if flags & os.O_DIRECTORY:
            path.mkdir(exist_ok=True)
        descriptor = os.open(path, flags | os.O_NOFOLLOW, 0o666)
        try:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(descriptor, path):  # and not what another process has just renamed
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON; NaN and infinity, which are not JSON, raise ValueError."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: Path, remedy: str) -> Any:
    """Return the JSON in ``path``; InputError with ``remedy`` where it is missing or damaged."""
    if not path.exists():
        raise InputError(f"{path}: not there; {remedy}")
    if not path.is_file():  # a pipe would wait for ever
        raise InputError(f"{path}: not a file; {remedy}")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error}); {remedy}") from None


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write one JSON object a line and return how many."""
    count = 0
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
            count += 1
    return count


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yield rows that an earlier stage wrote; InputError names the line that is no such row."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield _row(path, number, line)
    except FileNotFoundError:
        raise InputError(f"{path}: not there; run `dvc repro`, which makes it") from None


def _row(path: Path, number: int, line: bytes) -> dict[str, Any]:
    remedy = "run `dvc repro -f` to make it again"
    try:
        row = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}, line {number}: not JSON ({error}); {remedy}") from None
    if not isinstance(row, dict):
        raise InputError(f"{path}, line {number}: not a JSON object; {remedy}")
    return row
