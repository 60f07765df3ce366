"""Rows of a file in, the same rows with rewards out, in order, piece by piece: a job that was stopped goes on where it was.

Every piece of CHUNK rows is scored by itself, so a job that was stopped ends with the same file as one that was not.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from mlx_reward.errors import InputError
from mlx_reward.formats.readers import read_json_lines, read_rows
from mlx_reward.formats.row import BadRow
from mlx_reward.progress import bar

CHUNK = 256
Row = dict[str, Any]
Work = Callable[[list[Row | BadRow]], list[Row]]


def run_job(source: str, target: str, work: Work, identity: str) -> int:
    """Apply ``work`` to every row of ``source`` and write ``target``; "-" is standard input or output.

    ``identity`` tells what the result depends on besides the source (the model): only the same job is gone on with.
    Returns how many rows came out with an error.
    """
    if target == "-":
        return _write(sys.stdout.buffer, _chunks(_rows(source)), work)
    part = Path(f"{target}.{_key(source, identity)}.part")
    done = _whole_chunks(part) if source != "-" else 0
    rows = _rows(source)
    for _ in islice(rows, done):
        pass
    with part.open("ab" if done else "wb") as file:
        _write(file, _chunks(rows), work)
    part.replace(target)
    with Path(target).open(encoding="utf-8") as written:
        return sum("error" in json.loads(line) for line in written)


def _write(file: BinaryIO, chunks: Iterable[list[Row | BadRow]], work: Work) -> int:
    errors = 0
    for chunk in chunks:
        found = work(chunk)
        errors += sum("error" in row for row in found)
        file.write("".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in found).encode())
        file.flush()
    return errors


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


def _whole_chunks(part: Path) -> int:
    """How many rows an earlier run left, in whole pieces; what it left of a piece is cut off."""
    if not part.exists():
        return 0
    lines = part.read_bytes().splitlines(keepends=True)
    whole = [line for line in lines if line.endswith(b"\n")]
    kept = len(whole) - len(whole) % CHUNK
    os.truncate(part, sum(map(len, whole[:kept])))
    return kept


def _key(source: str, identity: str) -> str:
    stat = Path(source).stat() if source != "-" and Path(source).exists() else None
    about = [source, identity, str((stat.st_size, stat.st_mtime_ns)) if stat else ""]
    return hashlib.sha256("\x00".join(about).encode()).hexdigest()[:8]
