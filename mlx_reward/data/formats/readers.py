"""Rows of JSON Lines, JSON, CSV and Parquet files, each with its line (or row) number."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import ijson
from tqdm import tqdm

from mlx_reward.data.formats.opening import KINDS, kind, open_bytes
from mlx_reward.data.formats.row import BadRow, Row
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.install import install_command

LINE_LIMIT = 1 << 26  # bytes; a longer line is passed over, not held in memory
PACKED_PARQUET_LIMIT = 1 << 30  # bytes, unpacked; Parquet is not read in one go, so it is held
PROGRESS_EVERY = 500  # rows
DELIMITERS = ",\t;|"
# Columns of CSV, where every cell is text, that hold numbers, and lists or objects written as JSON.
NUMERIC = re.compile(
    r"margin|strength|preference_strength|(overall|signed)_preference|agreement|turn|helpfulness"
    r"|(overall_)?score(_\w+)?|\w+_score|rank(_\w)?|(\w+[-_])?rating|annotator\d+"
)
NESTED = re.compile(
    r"responses|completions|answers|scores|ranks|votes|defects|conversations|history"
    r"|data|annotations|fields|individual_preference|.+\.responses(\.\w+)?"
)
MESSAGE = ({"role", "content"}, {"from", "value"})  # keys of a message

Numbered = tuple[int, Row | BadRow]


def read_rows(path: Path, progress: "tqdm[Any]") -> Iterator[Numbered]:
    """Yield every row of ``path`` with its line or row number.

    A row that cannot be read comes as BadRow; a file that cannot be read raises InputError.
    ``progress`` moves by the bytes of the file itself, packed or not.
    """
    suffix = kind(path)
    if suffix is None:
        raise InputError(
            f"{path}: not a file that is read here; it should end in {', '.join(KINDS)}, "
            "or these with .gz or .zst"
        )
    read = READERS.get(suffix, _json_lines)
    seen = 0
    with open_bytes(path) as (file, position):
        for count, numbered in enumerate(read(path, file)):
            if count % PROGRESS_EVERY == 0:
                progress.update(position() - seen)
                seen = position()
            yield numbered
    progress.update(path.stat().st_size - seen)


class Lines(Protocol):
    """What rows are read from: an open file, or what reads lines like one."""

    def readline(self, limit: int, /) -> bytes: ...


def read_json_lines(file: Lines) -> Iterator[Numbered]:
    """Yield every row of JSON Lines from an open file, with its line number."""
    for number, line in enumerate(_lines(file), 1):
        if isinstance(line, BadRow):
            yield number, line
        elif line.strip():
            yield number, _parse(line)


def _lines(file: Lines) -> Iterator[bytes | BadRow]:
    """Yield the lines of a file, and BadRow in place of one that is too long."""
    while line := file.readline(LINE_LIMIT):
        if len(line) < LINE_LIMIT or line.endswith(b"\n"):
            yield line
            continue
        _skip_line(file)
        yield BadRow(f"the line is longer than {LINE_LIMIT >> 20} MB")


def _skip_line(file: Lines) -> None:
    """Read on up to the end of the line."""
    while True:
        rest = file.readline(LINE_LIMIT)
        if not rest or rest.endswith(b"\n"):
            return


def _parse(line: bytes) -> Row | BadRow:
    try:
        row = json.loads(line.decode("utf-8-sig"), object_pairs_hook=_marked_object)
    except UnicodeDecodeError as error:
        return BadRow(f"not UTF-8 at byte {error.start}")
    except (ValueError, RecursionError) as error:
        return BadRow(f"not JSON: {str(error).split(':')[0]}")
    return _object(row)


def _object(row: Any) -> Row | BadRow:
    if isinstance(row, dict):
        return row
    return BadRow(f"a {type(row).__name__} where a JSON object belongs")


class RepeatedField:
    """Stands where an object has two values under one name; every check refuses it."""


class _MarkedObject(dict[str, Any]):
    """A JSON object in which a name that is set twice becomes RepeatedField."""

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, RepeatedField() if name in self else value)


def _marked_object(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) == len(pairs):
        return row
    marked = _MarkedObject()
    for name, value in pairs:
        marked[name] = value
    return dict(marked)


def _json_lines(path: Path, file: BinaryIO) -> Iterator[Numbered]:
    return read_json_lines(file)


def _json(path: Path, file: BinaryIO) -> Iterator[Numbered]:
    """Yield the objects of an array one by one; a .json file may hold JSON Lines, too."""
    if not _is_array(cast(io.BufferedReader, file).peek(1 << 12)):
        yield from read_json_lines(file)
        return
    items = ijson.items(file, "item", use_float=True, map_type=_MarkedObject)
    number = 0
    try:
        for number, item in enumerate(items, 1):
            yield number, _object(item)
    except (ijson.JSONError, ValueError, RecursionError) as error:
        rest = _read_whole(path)[number:]
        if rest:
            yield from enumerate(rest, number + 1)
            return
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"{path}, after row {number}: not JSON ({reason}); mend it or fetch it again"
        ) from None


def _read_whole(path: Path) -> list[Row | BadRow]:
    """Return the rows of an array with NaN in it, which Python writes but JSON does not know.

    Nothing is returned for a file that is broken, or too large to be read at once.
    """
    with open_bytes(path) as (file, _):
        text = file.read(LINE_LIMIT)
        if file.read(1):
            return []
    try:
        items = json.loads(text.decode("utf-8-sig"), object_pairs_hook=_marked_object)
    except (ValueError, RecursionError):
        return []
    return [_object(item) for item in items] if isinstance(items, list) else []


def _is_array(beginning: bytes) -> bool:
    return beginning.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


def _csv(path: Path, file: BinaryIO) -> Iterator[Numbered]:
    csv.field_size_limit(LINE_LIMIT)
    delimiter = _delimiter(cast(io.BufferedReader, file).peek(1 << 16), path)
    reader = csv.reader(_CsvLines(file), delimiter=delimiter, strict=True)
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


def _delimiter(beginning: bytes, path: Path) -> str:
    """Return the delimiter that gives a header most columns, the file's own where several do."""
    own = "\t" if kind(path) == ".tsv" else ","
    lines = beginning.decode("utf-8", "replace").splitlines()
    return max(own + DELIMITERS, key=lambda delimiter: _count_columns(lines, delimiter))


def _count_columns(lines: list[str], delimiter: str) -> int:
    try:
        return len(next(csv.reader(lines, delimiter=delimiter), []))
    except csv.Error:
        return 0


class _CsvLines:
    """The lines of a file, as csv reads them; one that is too long raises csv.Error."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __iter__(self) -> "_CsvLines":
        return self

    def __next__(self) -> str:
        line = self._file.readline(LINE_LIMIT)
        if not line:
            raise StopIteration
        if len(line) == LINE_LIMIT and not line.endswith(b"\n"):
            _skip_line(self._file)
            raise csv.Error(f"the line is longer than {LINE_LIMIT >> 20} MB")
        return line.decode("utf-8", "surrogateescape").removeprefix("\ufeff")


def _record(header: list[str], cells: list[str]) -> Row | BadRow:
    if len(cells) != len(header):
        return BadRow(f"{len(cells)} cells where the header has {len(header)} columns")
    return {name: _cell(name, cell) for name, cell in zip(header, cells, strict=True)}


def _cell(name: str, cell: str) -> Any:
    """Return the value of a cell: text, or a number or nested value where the column holds those.

    In other columns only a list of messages is parsed: a response may be JSON itself.
    """
    typed = NUMERIC.fullmatch(name) or NESTED.fullmatch(name)
    if typed and cell == "":
        return None
    if not typed and not cell.startswith("["):
        return cell
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    return value if typed or _is_conversation(value) else cell


def _is_conversation(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(m, dict) and any(k <= m.keys() for k in MESSAGE) for m in value)
    )


def _parquet(path: Path, file: BinaryIO) -> Iterator[Numbered]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise InputError(f"{path}: Parquet needs an extra; {install_command('hub')}") from None
    try:
        table = pq.ParquetFile(file if path.suffix == ".parquet" else _held(path, file))
        batches = table.iter_batches(batch_size=1000)
        yield from enumerate((row for batch in batches for row in _parquet_rows(batch)), 1)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"{path}: not Parquet ({' '.join(str(error).split())[:120]}); fetch it again"
        ) from None


def _held(path: Path, file: BinaryIO) -> io.BytesIO:
    """Return the unpacked ``file`` in memory, for Parquet is read from its end."""
    unpacked = file.read(PACKED_PARQUET_LIMIT + 1)
    if len(unpacked) > PACKED_PARQUET_LIMIT:
        raise InputError(f"{path}: more than {PACKED_PARQUET_LIMIT >> 30} GB unpacked; unpack it")
    return io.BytesIO(unpacked)


def _parquet_rows(batch: Any) -> Iterator[Row | BadRow]:
    """Yield the rows of a batch; one with a value that Python cannot hold comes as BadRow."""
    try:
        yield from batch.to_pylist()
    except (ValueError, OverflowError):  # text that is not UTF-8, the year 10,000
        for number in range(batch.num_rows):
            try:
                yield from batch.slice(number, 1).to_pylist()
            except (ValueError, OverflowError) as error:
                yield BadRow(f"a value cannot be read: {' '.join(str(error).split())[:120]}")


READERS = {".json": _json, ".csv": _csv, ".tsv": _csv, ".parquet": _parquet}
