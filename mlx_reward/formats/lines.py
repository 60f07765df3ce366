"""Rows of JSON Lines files, plain or gzipped, each with the place it came from."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlx_reward.errors import InputError


class BadRow(Exception):
    """A row that cannot be used; the message says which field and why, in one line."""


def rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    """(line number, row) of ``path``; a line that is no JSON object comes as BadRow. Empty lines are passed over."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, _row(line)
    except FileNotFoundError:
        raise InputError(f"{path}: not there; check data.source in params.yaml") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: the gzip file is damaged or cut short ({error}); fetch it again") from None


def _row(line: bytes) -> dict[str, Any] | BadRow:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return BadRow(f"not UTF-8 at byte {error.start}")
    except (ValueError, RecursionError) as error:
        return BadRow(f"not JSON: {error}")
    return row if isinstance(row, dict) else BadRow(f"a {type(row).__name__} where a JSON object belongs")
