"""Names of a user's own for the columns that formats know: data.columns."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TypeVar

from mlx_reward.data.formats.convert import NAMED
from mlx_reward.data.formats.groups import SCORES
from mlx_reward.data.formats.pair_row import SCORES as PAIR_SCORES
from mlx_reward.data.formats.pair_row import STRENGTH, SUBSET
from mlx_reward.data.formats.row import BadRow, Row
from mlx_reward.utils.errors import InputError

OTHERS = ("id", "system", "votes", "agreement", "defects", "turn", "strength")
KNOWN = {
    *NAMED,
    *SCORES,
    *STRENGTH,
    *SUBSET,
    *OTHERS,
    *(name for names in PAIR_SCORES for name in names),
}

P = TypeVar("P")
Rows = Iterator[tuple[P, Row | BadRow]]


def rename(rows: Rows[P], columns: dict[str, str]) -> Rows[P]:
    """Yield ``rows`` with the columns named as ``columns`` say, {own name: known name}.

    Columns inside the "data" and "fields" of annotation tools are renamed, too. A row without one
    of them becomes BadRow; InputError where a known name is misspelt.
    """
    for own, known in columns.items():
        if known not in KNOWN:
            near = get_close_matches(known, KNOWN, 1, 0.6)
            hint = f"; the nearest is '{near[0]}'" if near else ""
            raise InputError(f"data.columns: '{own}: {known}': no format knows '{known}'{hint}")
    for place, row in rows:
        yield place, row if isinstance(row, BadRow) or not columns else _renamed(row, columns)


def _renamed(row: Row, columns: dict[str, str]) -> Row | BadRow:
    inner = [key for key in ("data", "fields") if isinstance(row.get(key), dict)]
    fields = {**row, **{name: value for key in inner for name, value in row[key].items()}}
    missing = next((own for own in columns if own not in fields), None)
    if missing is not None:
        return BadRow(f"field '{missing}', which data.columns names, is missing")
    found = _replaced(row, columns)
    for key in inner:
        found[key] = _replaced(row[key], columns)
    return found


def _replaced(row: Row, columns: dict[str, str]) -> Row:
    """Return ``row`` with known names; an own name stays, unless a format would read it as well."""
    kept = {name: value for name, value in row.items() if not (name in columns and name in KNOWN)}
    return kept | {known: row[own] for own, known in columns.items() if own in row}
