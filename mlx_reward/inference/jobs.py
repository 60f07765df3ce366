"""Jobs over the rows of a file, in order; interrupted jobs resume, even after kill -9.

Every chunk of CHUNK rows is processed by itself, so that an interrupted job ends with the same
file as one that ran through.
"""

import dataclasses
import hashlib
import os
import select
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from mlx_reward.data.formats.readers import read_json_lines, read_rows
from mlx_reward.data.formats.row import BadRow
from mlx_reward.inference.output_rows import Counts, Output, Row
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import read_json, whole_file, write_json
from mlx_reward.utils.outputs import is_stream, lock, output_file
from mlx_reward.utils.progress import bar

CHUNK = 256  # rows
JOBS = ("data", "evaluation", "inference")  # rooms that decide what a job writes, with engine's
READ_SIZE = 1 << 16  # bytes
STANDARD = "-"  # standard input or output
Work = Callable[[list[Row | BadRow]], Output]


def check_job(source: str, target: str) -> None:
    """Refuse a source or a target that no job can use, before a model is loaded for it."""
    path = Path(source)
    if source != STANDARD and not path.is_file():
        raise InputError(f"{source}: not there; name a file of rows, or - for standard input")
    if target != STANDARD:
        output_file(Path(target), None if source == STANDARD else path)


def run_job(
    source: str, target: str, work: Work, identity: str, batch: int | None = None
) -> Counts:
    """Apply ``work`` to every row of ``source`` and write ``target``; "-" is a standard stream.

    ``work`` gets ``batch`` rows at once, CHUNK where it is None; of standard input, which may come
    slowly, no more than have arrived.

    ``identity`` names all that the result depends on besides the source, such as the model: a job
    resumes only with the same one. A job that reads a stream or writes one does not resume.
    """
    check_job(source, target)
    size = batch or CHUNK
    if target == STANDARD:
        return _process(source, sys.stdout.buffer, work, size)
    path = output_file(Path(target))
    if is_stream(path):
        with path.open("wb") as stream:
            return _process(source, stream, work, size)
    with lock(path):
        if source != STANDARD:
            return _resumable(source, path, work, _key(source, identity), size)
        with whole_file(path) as temporary, temporary.open("wb") as file:
            return _process(source, file, work, size)


def _process(source: str, file: BinaryIO, work: Work, size: int) -> Counts:
    counts = Counts()
    for chunk in _arriving(size) if source == STANDARD else _chunks(_rows(source), size):
        _write(file, counts.add(len(chunk), work(chunk)))
    return counts


def _resumable(source: str, target: Path, work: Work, key: str, size: int) -> Counts:
    """Process ``source`` from where an earlier run with the same ``key`` was interrupted."""
    part = Path(f"{target}.{key}.part")
    state_file = part.with_suffix(".state")
    counts, written = _resume(part, state_file)
    rows = _rows(source)
    for _ in islice(rows, counts.read):
        pass
    with part.open("r+b" if counts.read else "wb") as file:
        file.seek(written)
        for chunk in _chunks(rows, size):
            _write(file, counts.add(len(chunk), work(chunk)))
            write_json(state_file, {"bytes": file.tell(), "counts": dataclasses.asdict(counts)})
    part.replace(target)
    state_file.unlink(missing_ok=True)
    return counts


def _write(file: BinaryIO, lines: bytes) -> None:
    file.write(lines)
    file.flush()


def _resume(part: Path, state_file: Path) -> tuple[Counts, int]:
    """Return counts and bytes that an earlier run reached; what it wrote after that is cut off."""
    if not part.exists() or not state_file.exists():
        return Counts(), 0
    state = read_json(state_file, "delete it and run again")
    if part.stat().st_size < state["bytes"]:
        return Counts(), 0
    os.truncate(part, state["bytes"])
    return Counts(**state["counts"]), state["bytes"]


def _chunks(rows: Iterator[Row | BadRow], size: int) -> Iterator[list[Row | BadRow]]:
    while chunk := list(islice(rows, size)):
        yield chunk


def _arriving(size: int) -> Iterator[list[Row | BadRow]]:
    """Yield the rows of standard input as they come, up to ``size`` that are there at once."""
    stream = Arrivals(sys.stdin.buffer)
    rows = (row for _, row in read_json_lines(stream))
    for row in rows:
        chunk = [row]
        while len(chunk) < size and stream.has_arrived():
            chunk.extend(islice(rows, 1))
        yield chunk


class Arrivals:
    """Lines of a stream, which tells whether more of it is there without waiting for it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._buffer = b""
        self._ended = False

    def has_arrived(self) -> bool:
        """Return whether there is a line, or what begins one; False at the end."""
        if b"\n" in self._buffer:
            return True
        if self._ended:
            return False
        try:
            return bool(select.select([self._file], [], [], 0)[0])
        except (OSError, ValueError):  # no file of the operating system: it never waits
            return True

    def readline(self, limit: int) -> bytes:
        """Return the next line, or ``limit`` bytes of one that is longer; empty at the end."""
        parts = [self._buffer]
        length = len(self._buffer)
        while b"\n" not in parts[-1] and length < limit and not self._ended:
            parts.append(self._file.read1(READ_SIZE))  # type: ignore[attr-defined]  # buffered
            length += len(parts[-1])
            self._ended = not parts[-1]
        found = b"".join(parts)
        end = min(found.find(b"\n") + 1 or len(found), limit)
        self._buffer = found[end:]
        return found[:end]


def _rows(source: str) -> Iterator[Row | BadRow]:
    path = Path(source)
    with bar(total=path.stat().st_size, what="rows", unit="B") as progress:
        yield from (row for _, row in read_rows(path, progress))


def _key(source: str, identity: str) -> str:
    """Return a short hash of the identity and of the source's name, size and time of change."""
    stat = Path(source).stat()
    version: Any = (stat.st_size, stat.st_mtime_ns)
    return hashlib.sha256("\x00".join([source, identity, str(version)]).encode()).hexdigest()[:8]
