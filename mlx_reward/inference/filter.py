"""Rows of a file whose figure, such as their reward, is among the highest or the lowest share of all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mlx_reward.data.formats.readers import read_rows
from mlx_reward.data.formats.row import BadRow
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import write_jsonl
from mlx_reward.utils.progress import bar

Row = dict[str, Any]
Side = Literal["top", "bottom"]


def keep_share(
    source: Path, target: Path, field: str, side: Side, share: float
) -> tuple[int, int, int]:
    """Write the ``side`` ``share`` (0 to 1) of the rows of ``source`` by ``field``, in their order; equal ones stay together.

    Returns how many rows were kept, had a figure, and had none. The file is read twice, so its size does not matter.
    """
    if not 0 < share <= 1:
        raise InputError(f"--{side} is {share}: not a share of the rows, above 0 and up to 1")
    if not source.is_file():
        raise InputError(f"{source}: not there; name a file of rows")
    found = [_figure(row, field) for row in _rows(source)]
    figures = [value for value in found if value is not None]
    if not figures:
        raise InputError(
            f"{source}: no row has a number in the field {field!r}; `mlx-reward score` writes 'reward'"
        )
    sign = 1 if side == "top" else -1
    bound = np.quantile(sign * np.array(figures), 1 - share, method="higher")
    rows = (
        row
        for row, value in zip(_rows(source), found, strict=True)
        if value is not None and sign * value >= bound
    )
    return write_jsonl(target, rows), len(figures), len(found) - len(figures)


def _figure(row: Row | BadRow, field: str) -> float | None:
    value = None if isinstance(row, BadRow) else row.get(field)
    return (
        float(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)
        else None
    )


def _rows(source: Path) -> Iterator[Any]:
    with bar(total=source.stat().st_size, what="filter", unit="B") as progress:
        yield from (row for _, row in read_rows(source, progress))
