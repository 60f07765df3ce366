"""Rows into pairs; what cannot be used is set aside with its reason."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlx_reward.data.formats.convert import Found
from mlx_reward.data.formats.draft import Rated
from mlx_reward.data.formats.groups import ranked
from mlx_reward.data.formats.row import BadRow, Row, Tie
from mlx_reward.data.pair import Pair
from mlx_reward.data.ratings import Ratings
from mlx_reward.data.sources.source import Place

Converter = Callable[[Row], Iterator[Found]]


@dataclass(frozen=True)
class Rejected:
    """A row, or a pair of one, that was set aside. ``kind``: bad, tie, duplicate or contradiction."""

    file: str
    line: int
    kind: str
    reason: str


Rows = Iterator[tuple[Place, Row | BadRow]]
Item = tuple[Place, Pair | Rejected]


def pairs(rows: Rows, convert: Converter, group_by: str | None, ratings: Ratings) -> Iterator[Item]:
    """Every pair and everything set aside, each with its place; rated responses are kept in ``ratings`` and come last."""
    for place, row in rows:
        try:
            if isinstance(row, BadRow):
                raise row
            yield from _from_row(place, row, convert, group_by, ratings)
        except BadRow as error:
            yield place, Rejected(*place, "bad", str(error))
    for group in ratings.groups() if len(ratings) else ():
        yield from _from_ratings(group)


def _from_row(
    place: Place, row: Row, convert: Converter, group_by: str | None, ratings: Ratings
) -> Iterator[Item]:
    """All of a row or nothing: a row with one unusable pair gives none."""
    found = list(convert(row))
    drafts = [item for item in found if not isinstance(item, (Tie, Rated))]
    id, group = _id(place, row), _group(row, group_by)
    for item in found:
        if isinstance(item, Tie):
            yield place, Rejected(*place, "tie", str(item))
        elif isinstance(item, Rated):
            ratings.add(item, {"place": place, "id": id, "group": group})
    for number, draft in enumerate(drafts):
        yield place, Pair(**draft, id=id if len(drafts) == 1 else f"{id}/{number}", group=group)


def _from_ratings(group: list[tuple[Rated, dict[str, Any]]]) -> Iterator[Item]:
    first, origin = group[0]
    place: Place = (origin["place"][0], origin["place"][1])
    responses, scores = [rated.response for rated, _ in group], [rated.score for rated, _ in group]
    if len(group) == 1:
        yield (
            place,
            Rejected(
                *place,
                "bad",
                "the only response to its prompt, so there is nothing to compare it with",
            ),
        )
        return
    try:
        drafts = list(ranked(first.prompt, responses, scores, {"subset": first.subset}))
    except BadRow as error:
        yield place, Rejected(*place, "bad", str(error))
        return
    for number, item in enumerate(drafts):
        if isinstance(item, Tie):
            yield place, Rejected(*place, "tie", str(item))
        else:
            yield place, Pair(**item, id=f"{origin['id']}/{number}", group=origin["group"])


def _id(place: Place, row: Row) -> str:
    own = row.get("id")
    return (
        str(own)
        if isinstance(own, (str, int)) and str(own).isprintable()
        else f"{Path(place[0]).name.split('.')[0]}-{place[1]}"
    )


def _group(row: Row, group_by: str | None) -> str | None:
    if group_by is None:
        return None
    for fields in (
        row,
        *(row[name] for name in ("data", "fields", "metadata") if isinstance(row.get(name), dict)),
    ):
        if fields.get(group_by) is not None:
            return (
                json.dumps(fields[group_by])
                if isinstance(fields[group_by], (dict, list))
                else str(fields[group_by])
            )
    raise BadRow(f"field '{group_by}', which split.group_by names, is missing")
