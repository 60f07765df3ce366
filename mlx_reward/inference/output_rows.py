"""What a job writes: rows, those that it could not use, and counts of what was left out."""

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from mlx_reward.data.formats.readers import RepeatedField
from mlx_reward.evaluation.distance import is_far, mostly_far

Row = dict[str, Any]
MAX_DEPTH = 100  # of lists and objects in one another; json itself gives up at some 1,000
# What jobs write to a row. A row that brings such a field, perhaps from an earlier run, loses it.
RESULTS = (
    "reward",
    "rewards",
    "reward_chosen",
    "reward_rejected",
    *(
        f"{name}{part}{side}"
        for name, sides in (("uncertainty", ("", "_chosen", "_rejected")), ("uncertainties", ("",)))
        for part in ("", "_between", "_within")
        for side in sides
    ),
    *("distance", "distances", "distance_chosen", "distance_rejected"),
    "probability",
    "order",
    "error",
)


class Unusable(Row):
    """A row that could not be used; its field ``error`` says why."""


def unusable(row: Row, reason: str) -> Unusable:
    """Return ``row`` without results of any run, and with ``reason`` as its ``error``."""
    return Unusable(without_results(row) | {"error": reason})


def without_results(row: Row) -> Row:
    """Return ``row`` without RESULTS, so that none of an earlier run is taken for one of this."""
    return {name: value for name, value in row.items() if name not in RESULTS}


@dataclass
class Output:
    """The rows that come of a chunk, and how many things were left out, by what they are.

    ``distances`` are those of its texts from the training texts, where they are known.
    """

    rows: list[Row]
    left_out: Counter[str] = field(default_factory=Counter)
    distances: list[float] = field(default_factory=list)


@dataclass
class Counts:
    """What became of the rows of a job so far.

    ``as_text`` counts values that JSON cannot hold; ``first_error`` is that of the first unusable
    row. Of ``texts`` with a known distance, ``far`` are unlike the training texts.
    """

    read: int = 0
    written: int = 0
    unusable: int = 0
    as_text: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    first_error: str = ""
    texts: int = 0
    far: int = 0

    def add(self, read: int, output: Output) -> bytes:
        """Count a chunk of ``read`` rows and return the lines of its ``output``."""
        lines = [self._line(row) for row in output.rows]
        self.read += read
        self.written += len(lines)
        self.left_out = dict(Counter(self.left_out) + output.left_out)
        self.texts += len(output.distances)
        self.far += sum(is_far(distance) for distance in output.distances)
        return b"".join(lines)

    def _line(self, row: Row) -> bytes:
        line, row, as_text = json_line(row)
        self.as_text += as_text
        if isinstance(row, Unusable):
            self.unusable += 1
            self.first_error = self.first_error or row["error"]
        return line

    def __str__(self) -> str:
        parts = [f"{_counted(self.read, 'row')} read, {self.written} written"]
        parts += [f"{what} left out: {number}" for what, number in self.left_out.items()]
        if self.as_text:
            values = _counted(self.as_text, "value")
            parts.append(f"{values} that JSON cannot hold written as text")
        if self.unusable:
            rows = _counted(self.unusable, "row")
            parts.append(f"{rows} could not be used and came out with the field 'error'")
        return "; ".join(parts)

    @property
    def warning(self) -> str | None:
        """A sentence where most texts are unlike the training texts."""
        return mostly_far(self.far, self.texts)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def json_line(row: Row) -> tuple[bytes, Row, int]:
    """Return a line of JSON, the row in it, and how many of its values had to become text.

    JSON holds no NaN, no infinity, no half of a surrogate pair, no bytes and no time. A row in
    which an object has two values under one name comes out unusable.
    """
    try:
        return _dumped(row), row, 0
    except (ValueError, TypeError, RecursionError):
        plain = _Plain()
        converted = plain.value(row)
        if plain.repeated is not None:
            converted = unusable(converted, f"field '{plain.repeated}' is set twice")
        elif isinstance(row, Unusable):
            converted = Unusable(converted)
        return _dumped(converted), converted, plain.as_text


def _dumped(row: Row) -> bytes:
    return f"{json.dumps(row, ensure_ascii=False, allow_nan=False)}\n".encode()


class _Plain:
    """Makes values that JSON can hold; counts those that became text."""

    def __init__(self) -> None:
        self.as_text = 0
        self.repeated: str | None = None  # the name that an object has twice

    def value(self, value: Any, name: str = "", depth: int = 0) -> Any:
        if isinstance(value, RepeatedField):
            self.repeated = self.repeated or name
            return None
        if isinstance(value, dict | list | tuple) and depth > MAX_DEPTH:
            self.as_text += 1
            return "(nested too deeply)"
        if isinstance(value, dict):
            return {
                self._text(str(key)): self.value(child, str(key), depth + 1)
                for key, child in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.value(child, name, depth + 1) for child in value]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, float) and math.isfinite(value):
            return value
        if isinstance(value, int) and value.bit_length() < 1 << 13:  # Python prints 4,300 digits
            return value
        self.as_text += 1
        return _named(value)

    def _text(self, text: str) -> str:
        readable = text.encode("utf-8", "backslashreplace").decode()
        self.as_text += readable != text
        return readable


def _named(value: Any) -> str:
    """Return text for a value that is none of JSON's."""
    if isinstance(value, float):
        return json.dumps(value)  # NaN, Infinity
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, int):
        return hex(value)
    return str(value)
