"""One progress bar for every long job: rate and time left, off when the output is not a terminal."""

from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


def bar(
    items: Iterable[Any] | None = None, *, total: int | None, what: str, unit: str, initial: int = 0
) -> "tqdm[Any]":
    """A tqdm bar over ``items`` (or to be moved by hand), ``total`` in ``unit``s, of which ``initial`` are done."""
    style: dict[str, Any] = {
        "unit_scale": unit == "B",
        "disable": None,
        "dynamic_ncols": True,
        "leave": False,
    }
    return tqdm(items, total=total, desc=what, unit=unit, initial=initial, **style)
