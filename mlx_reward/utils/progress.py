"""The progress bar of every long job: rate and time left, off where stderr is not a terminal."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tqdm import tqdm

_shown: ContextVar[bool | None] = ContextVar("shown", default=None)


@contextmanager
def show_bars(shown: bool | None) -> Iterator[None]:
    """Show bars meanwhile, or none; None is as usual."""
    token = _shown.set(shown)
    try:
        yield
    finally:
        _shown.reset(token)


def bar(
    items: Iterable[Any] | None = None, *, total: int | None, what: str, unit: str, initial: int = 0
) -> "tqdm[Any]":
    """Return a tqdm bar over ``items``, or without ``items`` one that the caller updates.

    ``total`` counts ``unit``s, of which ``initial`` are done.
    """
    shown = _shown.get()
    style: dict[str, Any] = {
        "unit_scale": unit == "B",
        "disable": None if shown is None else not shown,  # None asks whether stderr is a terminal
        "dynamic_ncols": True,
        "leave": False,
    }
    return tqdm(items, total=total, desc=what, unit=unit, initial=initial, **style)
