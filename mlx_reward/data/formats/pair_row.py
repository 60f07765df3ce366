"""A checked pair before it has an id: what every converter yields."""

from dataclasses import dataclass
from typing import Any

from mlx_reward.data.formats.conversation import read_prompt
from mlx_reward.data.formats.row import BadRow, Row, first_of, is_number, number, text

Draft = dict[str, Any]  # fields of a Pair, without id and group

STRENGTH = ("preference_strength", "margin")
SUBSET = ("subset", "topic", "domain")


@dataclass(frozen=True)
class Rated:
    """One response with its score; pairs come of it when other responses to the same prompt are known."""

    prompt: Any
    response: str
    score: float
    subset: str | None


def draft(prompt: object, chosen: object, rejected: object, row: Row) -> Draft:
    """The fields of a Pair after every check; strength, votes and agreement are taken over from ``row``."""
    chosen, rejected = text("chosen", chosen), text("rejected", rejected)
    if chosen == rejected:
        raise BadRow("chosen and rejected are equal")
    return (
        {"prompt": read_prompt("prompt", prompt), "chosen": chosen, "rejected": rejected}
        | subset(row)
        | _judgement(row)
    )


def subset(row: Row) -> Draft:
    """Which part of the data the row belongs to, where it says so."""
    name = first_of(row, SUBSET)
    return {"subset": None if name is None else str(row[name])}


def _judgement(row: Row) -> Draft:
    """How sure the annotators were and how much better chosen is, where the row says so."""
    found: Draft = {}
    strength, votes, agreement = _strength(row), row.get("votes"), row.get("agreement")
    if strength is not None:
        found["preference_strength"] = strength
    if votes is not None:
        if not (
            isinstance(votes, list)
            and len(votes) == 2
            and all(type(v) is int and v >= 0 for v in votes)
        ):
            raise BadRow("field 'votes' must be two counts, [chosen, rejected]")
        found["votes"] = votes
    if agreement is not None:
        if not 0 <= number("agreement", agreement) <= 1:
            raise BadRow("field 'agreement' must be a share from 0 to 1")
        found["agreement"] = float(agreement)
    return found


def _strength(row: Row) -> float | None:
    name = first_of(row, STRENGTH)
    if name is not None:
        return number(name, row[name])
    high, low = row.get("score_chosen"), row.get("score_rejected")  # UltraFeedback-binarized
    if is_number(high) and is_number(low):
        return float(high) - float(low)  # type: ignore[arg-type]  # is_number saw to it
    return None
