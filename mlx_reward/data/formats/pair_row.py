"""What converters make of a row: checked pair rows, or rated responses."""

from dataclasses import dataclass
from typing import Any, TypedDict

from mlx_reward.data.formats.conversation import read_prompt
from mlx_reward.data.formats.row import (
    BadRow,
    Contradictory,
    Row,
    encodable,
    first_of,
    is_given,
    is_number,
    number,
    text,
)
from mlx_reward.data.pair import Prompt

STRENGTH = ("preference_strength", "margin")
SCORES = (  # of chosen and rejected
    ("score_chosen", "score_rejected"),  # UltraFeedback-binarized
    ("chosen_score", "rejected_score"),
    ("chosen_rating", "rejected_rating"),
    ("chosen-rating", "rejected-rating"),
)
SUBSET = ("subset", "topic", "domain")


class _Preference(TypedDict):
    prompt: Prompt
    chosen: str
    rejected: str
    subset: str | None


class PairRow(_Preference, total=False):
    """A checked pair before it has an id: fields of ``Pair``, of which these may be missing."""

    preference_strength: float
    score_chosen: float
    score_rejected: float
    votes: list[int]
    tied_votes: int
    agreement: float
    defect: str | None


@dataclass(frozen=True)
class RatedResponse:
    """One response with its score; responses to the same prompt make pairs."""

    prompt: Prompt
    response: str
    score: float
    subset: str | None


def pair_row(prompt: object, chosen: object, rejected: object, row: Row) -> PairRow:
    """Check every field of a pair and return it.

    Subset, strength, votes and agreement are taken from ``row``, where it has them. BadRow names
    the field that cannot be used; Contradictory a number that prefers the rejected response.
    """
    chosen = text("chosen", chosen)
    rejected = text("rejected", rejected)
    if chosen == rejected:
        raise BadRow("chosen and rejected are equal")
    found: PairRow = {
        "prompt": read_prompt("prompt", prompt),
        "chosen": chosen,
        "rejected": rejected,
        "subset": read_subset(row),
    }
    strength = _strength(row)
    if strength is not None:
        found["preference_strength"] = strength
    if is_given(row.get("votes")):
        found["votes"] = _votes(row["votes"])
    if is_given(row.get("agreement")):
        found["agreement"] = _agreement(row["agreement"])
    return found


def read_subset(row: Row) -> str | None:
    """Return which part of the data the row belongs to, where it says so."""
    name = first_of(row, SUBSET)
    return None if name is None else encodable(name, str(row[name]))


def _strength(row: Row) -> float | None:
    """Return how much better chosen is, where the row says so; Contradictory where it is worse."""
    stated = first_of(row, STRENGTH)
    scores = next((names for names in SCORES if all(is_number(row.get(n)) for n in names)), None)
    strength = None
    if scores is not None:
        high, low = scores
        strength = float(row[high]) - float(row[low])
        if strength < 0:
            raise Contradictory(f"'{high}' is less than '{low}'")
    if stated is not None:
        strength = number(stated, row[stated])
        if strength < 0:
            raise Contradictory(f"'{stated}' is below zero: it prefers the rejected response")
    return strength


def _votes(value: Any) -> list[int]:
    two_counts = (
        isinstance(value, list)
        and len(value) == 2
        and all(type(count) is int and count >= 0 for count in value)
    )
    if not two_counts:
        raise BadRow("field 'votes' must be two counts, [chosen, rejected]")
    if value[0] < value[1]:
        raise Contradictory("most of the 'votes' are for the rejected response")
    return list(value)


def _agreement(value: object) -> float:
    share = number("agreement", value)
    if not 0 <= share <= 1:
        raise BadRow("field 'agreement' must be a share from 0 to 1")
    return share
