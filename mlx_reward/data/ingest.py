"""Rows into pairs; what cannot be used is set aside with its reason."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlx_reward.data.formats.convert import Found
from mlx_reward.data.formats.groups import ranked
from mlx_reward.data.formats.pair_row import RatedResponse
from mlx_reward.data.formats.row import BadRow, Row, Tie, encodable
from mlx_reward.data.pair import Pair, one_or_several
from mlx_reward.data.ratings import Ratings
from mlx_reward.data.sources.source import Place

Converter = Callable[[Row], Iterator[Found]]
Rows = Iterator[tuple[Place, Row | BadRow]]


@dataclass(frozen=True)
class SetAside:
    """A row, or a pair of one, that is not used. ``kind``: bad, tie, duplicate or contradiction."""

    file: str
    line: int
    kind: str
    reason: str


Item = tuple[Place, Pair | SetAside]


def ingest(
    rows: Rows, convert: Converter, group_by: str | None, ratings: Ratings
) -> Iterator[Item]:
    """Yield every pair and everything that is set aside, each with its place.

    Rated responses are kept in ``ratings`` and their pairs come last. ``group_by`` names the field
    that is a pair's group.
    """
    for place, row in rows:
        try:
            if isinstance(row, BadRow):
                raise row
            yield from _from_row(place, row, convert, group_by, ratings)
        except BadRow as error:
            yield _set_aside(place, "bad", error)
    if len(ratings):
        for group in ratings.groups():
            yield from _from_ratings(group)


def _from_row(
    place: Place, row: Row, convert: Converter, group_by: str | None, ratings: Ratings
) -> Iterator[Item]:
    """Yield all of a row or nothing: a row with one unusable pair gives none."""
    found = list(convert(row))
    id = _id(place, row)
    group = _group(row, group_by)
    pair_rows = []
    for item in found:
        if isinstance(item, Tie):
            yield _set_aside(place, "tie", item)
        elif isinstance(item, RatedResponse):
            ratings.add(item, {"place": place, "id": id, "group": group})
        else:
            pair_rows.append(item)
    for number, pair_row in enumerate(pair_rows):
        own_id = id if len(pair_rows) == 1 else f"{id}/{number}"
        yield place, Pair(**pair_row, id=own_id, group=group)


def _from_ratings(group: list[tuple[RatedResponse, dict[str, Any]]]) -> Iterator[Item]:
    """Yield the pairs of rated responses to one prompt, with place and id of the first.

    They are of the groups of all rows.
    """
    first, origin = group[0]
    file, line = origin["place"]
    place: Place = (file, line)
    if len(group) == 1:
        reason = "the only response to its prompt, so there is nothing to compare it with"
        yield _set_aside(place, "bad", reason)
        return
    responses = [rated.response for rated, _ in group]
    scores = [rated.score for rated, _ in group]
    try:
        found = list(ranked(first.prompt, responses, scores, {"subset": first.subset}))
    except BadRow as error:
        yield _set_aside(place, "bad", error)
        return
    groups = one_or_several(own["group"] for _, own in group if own["group"] is not None)
    for number, item in enumerate(found):
        if isinstance(item, Tie):
            yield _set_aside(place, "tie", item)
        else:
            yield place, Pair(**item, id=f"{origin['id']}/{number}", group=groups)


def _set_aside(place: Place, kind: str, reason: object) -> Item:
    file, line = place
    # Names of columns may hold half a surrogate pair, which no file can.
    printable = str(reason).encode(errors="replace").decode()
    return place, SetAside(file, line, kind, printable)


def _id(place: Place, row: Row) -> str:
    """Return the row's own id, or one made of its file and line."""
    own = row.get("id")
    if isinstance(own, (str, int)) and str(own).isprintable():
        return str(own)
    file, line = place
    return f"{Path(file).name.split('.')[0]}-{line}"


def _group(row: Row, group_by: str | None) -> str | None:
    """Return the value of the field ``group_by``, of the row or an object that tools put in it."""
    if group_by is None:
        return None
    for fields in (row, row.get("data"), row.get("fields"), row.get("metadata")):
        if isinstance(fields, dict) and fields.get(group_by) is not None:
            value = fields[group_by]
            if isinstance(value, (dict, list)):
                return json.dumps(value)
            return encodable(group_by, str(value))
    raise BadRow(f"field '{group_by}', which split.group_by names, is missing")
