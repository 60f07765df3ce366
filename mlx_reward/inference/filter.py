"""The share of a file's rows with the highest or the lowest number, such as their reward."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from mlx_reward.data.formats.readers import read_rows
from mlx_reward.data.formats.row import BadRow, is_number
from mlx_reward.inference.output_rows import PLURAL, json_line
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import whole_file
from mlx_reward.utils.outputs import is_stream, output_file
from mlx_reward.utils.progress import bar

Row = dict[str, Any]
Side = Literal["top", "bottom"]


def keep_share(
    source: Path, target: Path, field: str, side: Side, share: float
) -> tuple[int, int, int]:
    """Write the ``side`` ``share`` (0 to 1) of the rows of ``source``, by the number in ``field``.

    Rows keep their order; rows with equal numbers are kept or left out together. Returns how many
    rows were kept, how many had a number and how many had none. The file is read twice, so it may
    be larger than memory.
    """
    if not 0 < share <= 1:
        raise InputError(f"--{side} is {share}: not a share of the rows, above 0 and up to 1")
    if not source.is_file():
        raise InputError(f"{source}: not there; name a file of rows")
    path = output_file(target, source)
    number_of_row = [_number(row, field) for row in _rows(source)]
    numbers = [number for number in number_of_row if number is not None]
    if not numbers:
        raise InputError(
            f"{source}: no row has a number in the field {field!r}; `mlx-reward score` writes "
            "'reward', and 'probability' for rows with chosen and rejected"
        )
    sign = 1 if side == "top" else -1
    bound = np.quantile(sign * np.array(numbers), 1 - share, method="higher")
    kept_rows = (
        row
        for row, number in zip(_rows(source), number_of_row, strict=True)
        if number is not None and sign * number >= bound
    )
    kept = 0
    with _opened(path) as file:
        for row in kept_rows:
            file.write(json_line(row)[0])
            kept += 1
    return kept, len(numbers), len(number_of_row) - len(numbers)


def _number(row: Row | BadRow, field: str) -> float | None:
    """Return the finite number in ``field``, or None.

    Of a row with several responses, whose numbers stand in a list, it is that of the best.
    """
    if isinstance(row, BadRow):
        return None
    value: Any = row.get(field, row.get(PLURAL.get(field, field)))
    if isinstance(value, list) and value and all(map(is_number, value)):
        return float(max(value))
    return float(value) if is_number(value) else None


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open ``path`` to write to it; a file appears there when it is whole."""
    if is_stream(path):
        with path.open("wb") as stream:
            yield stream
        return
    with whole_file(path) as temporary, temporary.open("wb") as file:
        yield file


def _rows(source: Path) -> Iterator[Any]:
    with bar(total=source.stat().st_size, what="filter", unit="B") as progress:
        yield from (row for _, row in read_rows(source, progress))
