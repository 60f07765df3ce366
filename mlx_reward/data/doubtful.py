"""Rows whose verdict is a bare number, kept until the whole source has been read.

1 may name the first response, or say that the first is better, or name the second where counting
begins at 0; 2 may be a strength or prefer the second response. All rows of the source together
tell, or the source is refused.
"""

import math
import pickle
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlx_reward.data.formats.row import BadRow, Doubtful, Row
from mlx_reward.data.formats.verdicts import DEFINITE, SIGNED, has_verdict, sides, verdicts
from mlx_reward.data.sources.source import Place
from mlx_reward.utils.errors import InputError

SHOWN = 3  # rows
WIDTH = 30  # characters of a response that are shown

Column = tuple[str, tuple[str, str]]  # the field, and the fields of the two responses


@dataclass
class Range:
    """What the numbers of a column are like."""

    low: float = math.inf
    high: float = -math.inf
    counted_from_one: bool = True  # each is 0, or from 1 to 2

    def add(self, value: float) -> None:
        self.low = min(self.low, value)
        self.high = max(self.high, value)
        self.counted_from_one &= value == 0 or 1 <= value <= 2


class DoubtfulRows:
    """Rows in a file, so that memory does not grow with the data, and what their numbers were."""

    def __init__(self, folder: Path | None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # closed by __exit__
        self._count = 0
        self._values: dict[Column, Range] = {}
        self._examples: dict[Column, dict[float, tuple[Place, Row]]] = {}

    def add(self, place: Place, row: Row, doubt: Doubtful) -> None:
        """Keep ``row``, which ``doubt`` was raised for."""
        pickle.dump((place, row, doubt.sides, list(doubt.numbers)), self._file)
        self._count += 1
        for field, value in doubt.numbers.items():
            column = (field, doubt.sides)
            self._values.setdefault(column, Range()).add(value)
            examples = self._examples.setdefault(column, {})
            if len(examples) < SHOWN:
                examples.setdefault(value, (place, row))

    def settled(self) -> Iterator[tuple[Place, Row]]:
        """Yield the rows, their numbers under names that are read in one way.

        How they are read is printed with three rows; InputError where the source leaves it unclear.
        """
        meanings = {column: meaning(column, values) for column, values in self._values.items()}
        self._file.seek(0)
        for _ in range(self._count):
            place, row, sides, fields = pickle.load(self._file)
            known = [field for field in fields if meanings[field, sides] is not None]
            if not known:
                raise self._unclear((fields[0], sides))
            for field in known:
                self._announce((field, sides), meanings[field, sides])
                row[str(meanings[field, sides])] = row[field]
            yield place, {name: value for name, value in row.items() if name not in fields}

    def __enter__(self) -> "DoubtfulRows":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _announce(self, column: Column, name: str | None) -> None:
        """Print, once, how the numbers of a column are read."""
        examples = self._examples.pop(column, None)
        if examples is None or name is None:
            return
        print(f"'{column[0]}' is read as '{name}'; name it in data.columns if that is wrong:")
        for value, (place, row) in examples.items():
            lean = DEFINITE[name](name, row[column[0]])
            better = "neither" if lean == 0 else column[1][int(lean > 0)]
            print(f"  {_shown(column, value, place, row)} -> {better}")

    def _unclear(self, column: Column) -> InputError:
        field, (first, second) = column
        examples = self._examples[column]
        for value, (place, row) in examples.items():
            print(f"  {_shown(column, value, place, row)} -> ?")
        (file, line), _ = next(iter(examples.values()))
        values = self._values[column]
        return InputError(
            f"{file}, line {line}: '{field}' is a number from {values.low:g} to {values.high:g} in "
            f"the whole source, which does not say whether '{first}' or '{second}' is better; "
            f"set data.columns: {{{field}: NAME}}, NAME being better_of_0_1, better_of_1_2, "
            "first_is_better (1, else 0) or signed_preference (below zero: the first)"
        )


def settle(rows: Iterator[tuple[Place, Row | BadRow]]) -> Iterator[tuple[Place, Row | BadRow]]:
    """Yield ``rows``, those with a verdict that others must explain last and explained."""
    with DoubtfulRows(None) as doubtful:
        for place, row in rows:
            try:
                if not isinstance(row, BadRow) and has_verdict(row):
                    verdicts(sides(row) or ("", ""), row)
            except Doubtful as doubt:
                doubtful.add(place, row, doubt)  # type: ignore[arg-type]  # no BadRow is doubted
            except BadRow:
                yield place, row  # who converts it says why
            else:
                yield place, row
        yield from doubtful.settled()


def meaning(column: Column, values: Range) -> str | None:
    """Return the name under which the numbers of a column are read, None where that is unclear.

    ``values`` are those of the whole source. A signed number shows a value below zero; counting
    from 1 shows a 2, but no number above it.
    """
    field, (first, _) = column
    if field in SIGNED:
        return "signed_preference" if values.low < 0 else None
    names_first = first.endswith("1") and values.low == values.high == 1
    counted = values.counted_from_one and (values.high > 1 or names_first)
    return "better_of_1_2" if counted else None


def _shown(column: Column, value: float, place: Place, row: dict[str, Any]) -> str:
    field, (first, second) = column
    file, line = place
    texts = ", ".join(f"{name} {str(row[name])[:WIDTH]!r}" for name in (first, second))
    return f"{file}, line {line}: {field} {value:g}, {texts}"
