"""Rows into pairs; what cannot be used is set aside with its reason."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mlx_reward.data.doubtful import DoubtfulRows
from mlx_reward.data.formats.convert import Found
from mlx_reward.data.formats.groups import ranked
from mlx_reward.data.formats.pair_row import PairRow, RatedResponse
from mlx_reward.data.formats.row import (
    BadRow,
    Contradictory,
    Doubtful,
    Judged,
    Row,
    Tie,
    encodable,
    is_given,
)
from mlx_reward.data.identity import Identities, own_id
from mlx_reward.data.pair import Pair, one_or_several
from mlx_reward.data.ratings import Ratings
from mlx_reward.data.sources.source import Place

Converter = Callable[[Row], Iterator[Found]]
Rows = Iterator[tuple[Place, Row | BadRow]]


@dataclass(frozen=True)
class SetAside:
    """A row, or a pair of one, that is not used.

    ``kind`` is bad, contradictory (the row contradicts itself), tie, duplicate or contradiction
    (two rows contradict each other). ``judged`` tells how the judges of a tie voted.
    """

    file: str
    line: int
    kind: str
    reason: str
    judged: Judged | None = None

    def to_row(self) -> dict[str, str | int]:
        """Return what is written down of it."""
        return {"file": self.file, "line": self.line, "kind": self.kind, "reason": self.reason}


# None says that a row was read; what comes of it follows, or comes last.
Item = tuple[Place, Pair | SetAside | None]


def ingest(
    rows: Rows, convert: Converter, group_by: str | None, ratings: Ratings
) -> Iterator[Item]:
    """Yield every pair and everything that is set aside, each with its place, and None for a row.

    Rated responses are kept in ``ratings``, and rows whose verdict other rows must explain in a
    file beside it; their pairs come last. ``group_by`` names the field that is a pair's group.
    """
    ids = Identities()
    with DoubtfulRows(ratings.folder) as doubtful:
        for place, row in rows:
            yield place, None
            try:
                if isinstance(row, BadRow):
                    raise row
                yield from _from_row(place, row, convert, group_by, ratings, ids)
            except Doubtful as doubt:
                doubtful.add(place, row, doubt)  # type: ignore[arg-type]  # a row was converted
            except BadRow as error:
                yield _set_aside(place, error)
        for place, row in doubtful.settled():
            try:
                yield from _from_row(place, row, convert, group_by, ratings, ids)
            except BadRow as error:
                yield _set_aside(place, error)
    if len(ratings):
        for group in ratings.groups():
            yield from _from_ratings(group, ids)


def _from_row(
    place: Place,
    row: Row,
    convert: Converter,
    group_by: str | None,
    ratings: Ratings,
    ids: Identities,
) -> Iterator[Item]:
    """Yield all of a row or nothing: a row with one unusable pair gives none."""
    found = list(convert(row))
    own = own_id(row)
    group = _group(row, group_by)
    pair_rows = []
    for item in found:
        if isinstance(item, Tie):
            yield _set_aside(place, item)
        elif isinstance(item, RatedResponse):
            ratings.add(item, {"place": place, "id": own, "group": group})
        else:
            pair_rows.append(item)
    yield from _named(place, pair_rows, own, group, ids, several=len(pair_rows) > 1)


def _named(
    place: Place,
    pair_rows: list[PairRow],
    own: str | None,
    group: str | list[str] | None,
    ids: Identities,
    several: bool,
) -> Iterator[Item]:
    """Yield the pairs of one row with ids of their own; ``several`` are numbered."""
    for number, pair_row in enumerate(pair_rows):
        id = ids.name(place, own, f"/{number}" if several else "")
        source_id = None if own == id else own
        yield place, Pair(**pair_row, id=id, group=group, source_id=source_id)


def _from_ratings(
    group: list[tuple[RatedResponse, dict[str, Any]]], ids: Identities
) -> Iterator[Item]:
    """Yield the pairs of rated responses to one prompt, with place and id of the first.

    They are of the groups of all rows.
    """
    first, origin = group[0]
    file, line = origin["place"]
    place: Place = (file, line)
    if len(group) == 1:
        reason = "the only response to its prompt, so there is nothing to compare it with"
        yield _set_aside(place, BadRow(reason))
        return
    responses = [rated.response for rated, _ in group]
    scores = [rated.score for rated, _ in group]
    try:
        found = list(ranked(first.prompt, responses, scores, {"subset": first.subset}))
    except BadRow as error:
        yield _set_aside(place, error)
        return
    yield from (_set_aside(place, item) for item in found if isinstance(item, Tie))
    pair_rows = [item for item in found if not isinstance(item, Tie)]
    groups = one_or_several(own["group"] for _, own in group if own["group"] is not None)
    yield from _named(place, pair_rows, origin["id"], groups, ids, several=True)


def _set_aside(place: Place, why: BadRow | Tie) -> Item:
    file, line = place
    # Names of columns may hold half a surrogate pair, which no file can.
    printable = str(why).encode(errors="replace").decode()
    if isinstance(why, Tie):
        return place, SetAside(file, line, "tie", printable, why.judged)
    kind = "contradictory" if isinstance(why, Contradictory) else "bad"
    return place, SetAside(file, line, kind, printable)


def _group(row: Row, group_by: str | None) -> str | None:
    """Return the value of the field ``group_by``, of the row or an object that tools put in it."""
    if group_by is None:
        return None
    for fields in (row, row.get("data"), row.get("fields"), row.get("metadata")):
        if isinstance(fields, dict) and is_given(fields.get(group_by)):
            value = fields[group_by]
            if isinstance(value, (dict, list)):
                return json.dumps(value)
            return encodable(group_by, str(value))
    raise BadRow(f"field '{group_by}', which split.group_by names, is missing")
