"""The progress bar of every long job: rate and time left, off where stderr is not a terminal."""

from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


def bar(
    items: Iterable[Any] | None = None, *, total: int | None, what: str, unit: str, initial: int = 0
) -> "tqdm[Any]":
    """Return a tqdm bar over ``items``, or without ``items`` one that the caller updates.

    ``total`` counts ``unit``s, of which ``initial`` are done.
    """
    style: dict[str, Any] = {
        "unit_scale": unit == "B",
        "disable": None,
        "dynamic_ncols": True,
        "leave": False,
    }
    return tqdm(items, total=total, desc=what, unit=unit, initial=initial, **style)
