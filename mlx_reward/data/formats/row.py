"""What makes a row unusable, and the checks that every format shares."""

import math
from dataclasses import dataclass
from typing import Any

from mlx_reward.data.pair import Prompt

Row = dict[str, Any]


class BadRow(Exception):
    """A row that cannot be used; the message says which field and why, in one line."""


class Contradictory(BadRow):
    """A row whose own fields disagree about which response is better."""


class Doubtful(BadRow):
    """A row whose verdict is a number that says nothing by itself.

    1 may name the first response, or the second where counting begins at 0. Other rows of the
    source may tell. ``numbers`` are the row's numbers by the names of their fields, ``sides`` the
    names of the fields that hold the two responses.
    """

    def __init__(self, sides: tuple[str, str], numbers: dict[str, float]) -> None:
        shown = ", ".join(f"'{field}' {number:g}" for field, number in numbers.items())
        super().__init__(
            f"nothing says which response {shown} prefers; name the field in data.columns"
        )
        self.sides = sides
        self.numbers = numbers


@dataclass(frozen=True)
class Judged:
    """How judges voted on two responses to a prompt that none of them won.

    ``votes`` are for the first, for the second, and for neither.
    """

    prompt: Prompt
    responses: tuple[str, str]
    votes: tuple[int, int, int]


class Tie(Exception):
    """Two responses that nobody prefers: the row is fine, but there is nothing to learn from it.

    ``judged`` is None where scores tie, not judges.
    """

    def __init__(self, reason: str, judged: Judged | None = None) -> None:
        super().__init__(reason)
        self.judged = judged


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


def is_given(value: object) -> bool:
    """Return whether ``value`` is something: not null, not NaN as pandas writes it, not empty."""
    missing = isinstance(value, float) and math.isnan(value)
    return not (value is None or missing or value == "")


def first_of(row: Row, names: tuple[str, ...]) -> str | None:
    """Return the first of ``names`` that ``row`` has a value for."""
    return next((name for name in names if is_given(row.get(name))), None)
