"""One row of any known shape into pairs."""

import math
import re
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

from mlx_reward.formats.lines import BadRow
from mlx_reward.preferences import Message

Draft = dict[str, Any]  # fields of a Pair, without id and group
ROLES = ("system", "user", "assistant")


def convert(row: dict[str, Any]) -> Iterator[Draft]:
    """The pairs in ``row``; BadRow names the field that cannot be used."""
    return _converter(row)(row)


def _converter(row: dict[str, Any]) -> Callable[[dict[str, Any]], Iterator[Draft]]:
    if "responses" in row:
        return from_group
    if "prompt" in row:
        return from_pair
    if isinstance(row.get("chosen"), str) and row["chosen"].lstrip().startswith("Human:"):
        return from_hh
    missing = next(f for f in ("prompt", "chosen", "rejected") if f not in row)
    raise BadRow(f"field '{missing}' is missing; a row needs prompt, chosen and rejected (or prompt, responses and scores)")


def from_pair(row: dict[str, Any]) -> Iterator[Draft]:
    """{"prompt", "chosen", "rejected"} and optional fields."""
    yield checked(row["prompt"], row.get("chosen"), row.get("rejected"), row)


def from_group(row: dict[str, Any]) -> Iterator[Draft]:
    """{"prompt", "responses", "scores"}: every two responses of different score are a pair, the better one chosen."""
    responses, scores = row["responses"], row.get("scores")
    if not isinstance(responses, list) or not isinstance(scores, list) or len(responses) != len(scores):
        raise BadRow("fields 'responses' and 'scores' must be lists of the same length")
    if not all(map(_is_number, scores)):
        raise BadRow("field 'scores' must hold numbers")
    ranked = sorted(zip(responses, scores, range(len(scores)), strict=True), key=lambda item: -item[1])
    for (better, high, _), (worse, low, worse_index) in combinations(ranked, 2):
        if high > low:
            draft = checked(row.get("prompt"), better, worse, row)
            if isinstance(row.get("defects"), list):
                draft["defect"] = row["defects"][worse_index]
            yield draft


def from_hh(row: dict[str, Any]) -> Iterator[Draft]:
    r"""HH-RLHF: whole dialogues "\n\nHuman: ...\n\nAssistant: ..." that agree in all but the last turn."""
    (prompt, chosen), (other, rejected) = (_dialogue(field, row.get(field)) for field in ("chosen", "rejected"))
    if prompt != other:
        raise BadRow("chosen and rejected do not continue the same conversation")
    yield checked(prompt, chosen, rejected, row)


def _dialogue(field: str, text: object) -> tuple[list[Message], str]:
    if not isinstance(text, str):
        raise BadRow(f"field '{field}' is {type(text).__name__}, not text")
    parts = re.split(r"\n\n(Human|Assistant): ?", "\n\n" + text.lstrip())
    roles = {"Human": "user", "Assistant": "assistant"}
    turns = [{"role": roles[r], "content": c.strip()} for r, c in zip(parts[1::2], parts[2::2], strict=True)]
    if not turns or turns[-1]["role"] != "assistant":
        raise BadRow(f"field '{field}' does not end with the assistant")
    return turns[:-1], turns[-1]["content"]


def checked(prompt: object, chosen: object, rejected: object, row: dict[str, Any]) -> Draft:
    """The fields of a Pair after every check."""
    for field, value in (("chosen", chosen), ("rejected", rejected)):
        _check_text(field, value)
    if chosen == rejected:
        raise BadRow("chosen and rejected are equal")
    _check_prompt(prompt)
    subset = row.get("subset", row.get("topic"))
    draft = {"prompt": prompt, "chosen": chosen, "rejected": rejected, "subset": None if subset is None else str(subset)}
    return draft | _judgement(row)


def _judgement(row: dict[str, Any]) -> Draft:
    """How sure the annotators were and how much better chosen is, where the row says so; kept for later stages."""
    found: Draft = {}
    strength, votes, agreement = row.get("preference_strength", row.get("margin")), row.get("votes"), row.get("agreement")
    if strength is not None:
        if not _is_number(strength):
            raise BadRow("field 'preference_strength' must be a number")
        found["preference_strength"] = float(strength)
    if votes is not None:
        if not (isinstance(votes, list) and len(votes) == 2 and all(type(v) is int and v >= 0 for v in votes)):
            raise BadRow("field 'votes' must be two counts, [chosen, rejected]")
        found["votes"] = votes
    if agreement is not None:
        if not (_is_number(agreement) and 0 <= agreement <= 1):
            raise BadRow("field 'agreement' must be a share from 0 to 1")
        found["agreement"] = float(agreement)
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _check_text(field: str, value: object) -> None:
    if value is None:
        raise BadRow(f"field '{field}' is missing")
    if not isinstance(value, str):
        raise BadRow(f"field '{field}' is {type(value).__name__}, not text")
    if not value.strip():
        raise BadRow(f"field '{field}' is empty")


def _check_prompt(prompt: object) -> None:
    if not isinstance(prompt, list):
        return _check_text("prompt", prompt)
    if not prompt:
        raise BadRow("field 'prompt' is an empty conversation")
    for i, message in enumerate(prompt):
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            role = message.get("role") if isinstance(message, dict) else message
            raise BadRow(f"field 'prompt[{i}].role' is {role!r}, not one of {', '.join(ROLES)}")
        _check_text(f"prompt[{i}].content", message.get("content"))
    if prompt[-1]["role"] != "user":
        raise BadRow("field 'prompt' does not end with the user")
