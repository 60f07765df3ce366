"""What makes a row unusable, and the checks that every format shares."""

import math
from typing import Any

Row = dict[str, Any]


class BadRow(Exception):
    """A row that cannot be used; the message says which field and why, in one line."""


class Tie(Exception):
    """Two responses that nobody prefers: the row is fine, but there is nothing to learn from it."""


def text(field: str, value: object) -> str:
    """Return ``value`` if it is text that can be read and written again, else raise BadRow."""
    if value is None:
        raise BadRow(f"field '{field}' is missing")
    if not isinstance(value, str):
        raise BadRow(f"field '{field}' is {type(value).__name__}, not text")
    if not value.strip():
        raise BadRow(f"field '{field}' is empty")
    if "\x00" in value:
        raise BadRow(f"field '{field}' holds a NUL character")
    return encodable(field, value)


def encodable(field: str, value: str) -> str:
    """Return ``value``, which may be empty, if it can be written as UTF-8, else raise BadRow."""
    if value.isascii():  # quick, and the rule
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadRow(
            f"field '{field}' holds bytes that are not UTF-8, or half a surrogate pair"
        ) from None
    return value


def number(field: str, value: object) -> float:
    """Return ``value`` as a finite float, else raise BadRow; bool and text are no numbers."""
    if not is_number(value):
        raise BadRow(f"field '{field}' must be a number, not {str(value)[:40]!r}")
    return float(value)  # type: ignore[arg-type]  # is_number saw to it


def is_number(value: object) -> bool:
    """Return whether ``value`` is a finite number."""
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and abs(value) < 1e300
        and math.isfinite(value)
    )


def first_of(row: Row, names: tuple[str, ...]) -> str | None:
    """Return the first of ``names`` that ``row`` has a value for."""
    return next((name for name in names if row.get(name) is not None), None)
