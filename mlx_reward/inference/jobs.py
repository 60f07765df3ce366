"""Rows of a file in, the same rows with rewards out, in order, piece by piece: a job that was stopped goes on where it was.

Every piece of CHUNK rows is scored by itself, so a job that was stopped ends with the same file as one that was not.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from mlx_reward.data.formats.readers import read_json_lines, read_rows
from mlx_reward.data.formats.row import BadRow
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import read_json, write_json
from mlx_reward.utils.progress import bar

CHUNK = 256
JOBS = (
    "data",
    "evaluation",
    "inference",
)  # the rooms that decide what a job writes, besides engine's
Row = dict[str, Any]
Work = Callable[[list[Row | BadRow]], list[Row]]


def run_job(source: str, target: str, work: Work, identity: str) -> int:
    """Apply ``work`` to every row of ``source`` and write ``target``; "-" is standard input or output.

    ``identity`` tells what the result depends on besides the source (the model): only the same job is gone on with.
    Returns how many rows came out with an error.
    """
    if target == "-":
        return sum(_write(sys.stdout.buffer, work(chunk)) for chunk in _chunks(_rows(source)))
    part = Path(f"{target}.{_key(source, identity)}.part")
    state = part.with_suffix(".state")
    done = _resume(part, state) if source != "-" else {"rows": 0, "bytes": 0, "errors": 0}
    rows = _rows(source)
    for _ in islice(rows, done["rows"]):
        pass
    with part.open("r+b" if done["rows"] else "wb") as file:
        file.seek(done["bytes"])
        for chunk in _chunks(rows):
            done["errors"] += _write(file, work(chunk))
            done |= {"rows": done["rows"] + len(chunk), "bytes": file.tell()}
            write_json(state, done)
    part.replace(target)
    state.unlink(missing_ok=True)
    return done["errors"]


def _write(file: BinaryIO, rows: list[Row]) -> int:
    """Write rows; how many of them carry an error."""
    file.write(
        "".join(
            json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows
        ).encode()
    )
    file.flush()
    return sum("error" in row for row in rows)


def _resume(part: Path, state: Path) -> dict[str, int]:
    """Up to where an earlier run came; what it wrote after that is cut off."""
    nothing = {"rows": 0, "bytes": 0, "errors": 0}
    if not part.exists() or not state.exists():
        return nothing
    done: dict[str, int] = read_json(state, "delete it and run again")
    if part.stat().st_size < done["bytes"]:
        return nothing
    os.truncate(part, done["bytes"])
    return done


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
    stat = Path(source).stat() if source != "-" and Path(source).exists() else None
    about = [source, identity, str((stat.st_size, stat.st_mtime_ns)) if stat else ""]
    return hashlib.sha256("\x00".join(about).encode()).hexdigest()[:8]
