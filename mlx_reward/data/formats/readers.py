"""Rows of JSON Lines, JSON, CSV and Parquet files, each with its line (or row) number."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import ijson
from tqdm import tqdm

from mlx_reward.data.formats.opening import KINDS, kind, open_bytes
from mlx_reward.data.formats.row import BadRow, Row
from mlx_reward.utils.errors import InputError

LINE_LIMIT = 1 << 26  # bytes; a longer line is passed over, not held in memory
NUMERIC = {
    *("margin", "preference_strength", "overall_preference", "agreement"),
    *("score", "score_chosen", "score_rejected", "overall_score", "rating", "helpfulness"),
}  # columns of CSV, where every cell is text, that are numbers all the same

Numbered = tuple[int, Row | BadRow]


def read_rows(path: Path, progress: "tqdm[Any]") -> Iterator[Numbered]:
    """Every row of ``path``; one that cannot be read comes as BadRow, a file that cannot be read raises InputError.

    ``progress`` moves by the bytes of the file itself, packed or not.
    """
    reader = {".json": _json, ".csv": _csv, ".tsv": _tsv, ".parquet": _parquet}.get(
        kind(path) or "", _json_lines
    )
    if kind(path) is None:
        raise InputError(
            f"{path}: not a file that is read here; it should end in {', '.join(KINDS)}, or these with .gz or .zst"
        )
    seen = 0
    with open_bytes(path) as (file, position):
        for count, numbered in enumerate(reader(path, file)):
            if count % 500 == 0:
                progress.update(position() - seen)
                seen = position()
            yield numbered
    progress.update(path.stat().st_size - seen)


def read_json_lines(file: BinaryIO) -> Iterator[Numbered]:
    """Every row of JSON Lines from an open file, with its line number."""
    for number, line in enumerate(_lines(file), 1):
        if isinstance(line, BadRow):
            yield number, line
        elif line.strip():
            yield number, _parse(line)


def _lines(file: BinaryIO) -> Iterator[bytes | BadRow]:
    while line := file.readline(LINE_LIMIT):
        if len(line) < LINE_LIMIT or line.endswith(b"\n"):
            yield line
            continue
        while (rest := file.readline(LINE_LIMIT)) and not rest.endswith(b"\n"):
            pass
        yield BadRow(f"the line is longer than {LINE_LIMIT >> 20} MB")


def _parse(line: bytes) -> Row | BadRow:
    try:
        row = json.loads(line.decode("utf-8-sig"), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        return BadRow(f"not UTF-8 at byte {error.start}")
    except (ValueError, RecursionError) as error:
        return BadRow(f"not JSON: {str(error).split(':')[0]}")
    return (
        row
        if isinstance(row, dict)
        else BadRow(f"a {type(row).__name__} where a JSON object belongs")
    )


class RepeatedField:
    """Stands where one object held two values under one name; no check lets it pass for text or a number."""


class _Object(dict[str, Any]):
    """A JSON object as ijson builds it, with repeated names marked."""

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, RepeatedField() if name in self else value)


def _object(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) == len(pairs):
        return row
    marked = _Object()
    for name, value in pairs:
        marked[name] = value
    return dict(marked)


def _json_lines(path: Path, file: BinaryIO) -> Iterator[Numbered]:
    return read_json_lines(file)


def _json(path: Path, file: BinaryIO) -> Iterator[Numbered]:
    """An array of objects, read one by one; a .json file that holds JSON Lines is read as that."""
    if not _is_array(cast(io.BufferedReader, file).peek(1 << 12)):
        yield from read_json_lines(file)
        return
    number = 0
    try:
        for number, row in enumerate(
            ijson.items(file, "item", use_float=True, map_type=_Object), 1
        ):
            yield (
                number,
                row
                if isinstance(row, dict)
                else BadRow(f"a {type(row).__name__} where a JSON object belongs"),
            )
    except (ijson.JSONError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"{path}, after row {number}: not JSON ({reason}); mend it or fetch it again"
        ) from None


def _is_array(beginning: bytes) -> bool:
    return beginning.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


def _csv(path: Path, file: BinaryIO, delimiter: str = ",") -> Iterator[Numbered]:
    csv.field_size_limit(LINE_LIMIT)
    lines = (line.decode("utf-8", "surrogateescape").removeprefix("\ufeff") for line in file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield reader.line_num, BadRow(f"not CSV: {error}")
            continue
        if cells is None:
            return
        if header is None:
            header = cells
        elif cells:
            yield reader.line_num, _record(header, cells)


def _tsv(path: Path, file: BinaryIO) -> Iterator[Numbered]:
    return _csv(path, file, delimiter="\t")


def _record(header: list[str], cells: list[str]) -> Row | BadRow:
    if len(cells) != len(header):
        return BadRow(f"{len(cells)} cells where the header has {len(header)} columns")
    return {name: _cell(name, cell) for name, cell in zip(header, cells, strict=True)}


def _cell(name: str, cell: str) -> Any:
    """Text, but for numbers in numeric columns and for lists and objects, which CSV can only hold as JSON."""
    if cell == "":
        return None
    if name in NUMERIC or cell[0] in "[{":
        try:
            return json.loads(cell)
        except (ValueError, RecursionError):
            return cell
    return cell


def _parquet(path: Path, file: BinaryIO) -> Iterator[Numbered]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise InputError(
            f"{path}: Parquet needs an extra; run `pip install 'mlx-reward[hub]'`"
        ) from None
    try:
        table = pq.ParquetFile(file if path.suffix == ".parquet" else io.BytesIO(file.read()))
        batches = table.iter_batches(batch_size=1000)
        yield from enumerate((row for batch in batches for row in batch.to_pylist()), 1)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"{path}: not Parquet ({' '.join(str(error).split())[:120]}); fetch it again"
        ) from None
