"""Jobs over the rows of a file, in order; interrupted jobs resume, even after kill -9.

Every chunk of CHUNK rows is processed by itself, so that an interrupted job ends with the same
file as one that ran through.
"""

import dataclasses
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from mlx_reward.data.formats.readers import read_json_lines, read_rows
from mlx_reward.data.formats.row import BadRow
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import read_json, write_json
from mlx_reward.utils.progress import bar

CHUNK = 256  # rows
JOBS = ("data", "evaluation", "inference")  # rooms that decide what a job writes, with engine's
Row = dict[str, Any]
Work = Callable[[list[Row | BadRow]], list[Row]]


@dataclass
class JobState:
    """How far a job has come: rows read, bytes written, and rows written with an error."""

    rows: int = 0
    bytes: int = 0
    errors: int = 0


def run_job(source: str, target: str, work: Work, identity: str) -> int:
    """Apply ``work`` to every row of ``source`` and write ``target``; "-" is a standard stream.

    ``identity`` names all that the result depends on besides the source, such as the model: a job
    resumes only with the same one. Returns how many rows were written with an error.
    """
    if target == "-":
        return sum(_write(sys.stdout.buffer, work(chunk)) for chunk in _chunks(_rows(source)))
    part = Path(f"{target}.{_key(source, identity)}.part")
    state_file = part.with_suffix(".state")
    state = JobState() if source == "-" else _resume(part, state_file)
    rows = _rows(source)
    for _ in islice(rows, state.rows):
        pass
    with part.open("r+b" if state.rows else "wb") as file:
        file.seek(state.bytes)
        for chunk in _chunks(rows):
            state.errors += _write(file, work(chunk))
            state.rows += len(chunk)
            state.bytes = file.tell()
            write_json(state_file, dataclasses.asdict(state))
    part.replace(target)
    state_file.unlink(missing_ok=True)
    return state.errors


def _write(file: BinaryIO, rows: list[Row]) -> int:
    """Write rows and return how many of them carry an error."""
    lines = [json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows]
    file.write("".join(lines).encode())
    file.flush()
    return sum("error" in row for row in rows)


def _resume(part: Path, state_file: Path) -> JobState:
    """Return the state that an earlier run reached and cut off what it wrote after that."""
    if not part.exists() or not state_file.exists():
        return JobState()
    state = JobState(**read_json(state_file, "delete it and run again"))
    if part.stat().st_size < state.bytes:
        return JobState()
    os.truncate(part, state.bytes)
    return state


def _chunks(rows: Iterator[Row | BadRow]) -> Iterator[list[Row | BadRow]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _rows(source: str) -> Iterator[Row | BadRow]:
    if source == "-":
        yield from (row for _, row in read_json_lines(sys.stdin.buffer))
        return
    path = Path(source)
    if not path.is_file():
        raise InputError(f"{source}: not there; name a file of rows, or - for standard input")
    with bar(total=path.stat().st_size, what="score", unit="B") as progress:
        yield from (row for _, row in read_rows(path, progress))


def _key(source: str, identity: str) -> str:
    """Return a short hash of the identity and of the source's name, size and time of change."""
    path = Path(source)
    version = ""
    if source != "-" and path.exists():
        stat = path.stat()
        version = str((stat.st_size, stat.st_mtime_ns))
    return hashlib.sha256("\x00".join([source, identity, version]).encode()).hexdigest()[:8]
