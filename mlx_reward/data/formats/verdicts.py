"""Rows that hold responses side by side and what one or several judges said of them."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from mlx_reward.data.formats.conversation import end_with_response
from mlx_reward.data.formats.draft import Draft, draft
from mlx_reward.data.formats.row import BadRow, Row, Tie, first_of, is_number, number

PROMPTS = ("prompt", "context", "instruction", "question")
SIDES = [
    (f"{stem}{joint}{first}", f"{stem}{joint}{second}")
    for stem in ("response", "answer", "completion", "output", "text", "conversation")
    for joint in ("", "_", "-")
    for first, second in (("1", "2"), ("a", "b"), ("A", "B"))
]
SIGNED = (
    "overall_preference",
    "preference_strength",
)  # HelpSteer: below zero is the first, above the second
NAMED = ("winner", "preference", "preferred", "choice", "label", "selected")
PLACES = (("1", "a", "left", "first"), ("2", "b", "right", "second"))
Ballot = dict[str, float]  # rank of each response by one judge, 1 is best


def sides(row: Row) -> tuple[str, str] | None:
    """The two fields that hold the responses."""
    return next(((a, b) for a, b in SIDES if a in row and b in row), None)


def has_verdict(row: Row) -> bool:
    """Whether the row holds two responses and says which is better."""
    return sides(row) is not None and first_of(row, SIGNED + NAMED) is not None


def from_compared(row: Row) -> Iterator[Draft | Tie]:
    """Two responses and a verdict: HelpSteer2 and 3 preference, Chatbot Arena, AlpacaFarm and their like."""
    names = sides(row)
    if names is None:
        raise BadRow("no two responses, such as 'response_1' and 'response_2'")
    judges = row.get("individual_preference")
    if (
        isinstance(judges, list)
        and judges
        and all(isinstance(j, dict) and is_number(j.get("score")) for j in judges)
    ):
        ballots = [_signed(names, j["score"]) for j in judges]
    else:
        ballots = [_verdict(names, row)]
    prompt, responses = _texts(row, names)
    strength = (
        {"preference_strength": abs(number(signed, row[signed]))}
        if (signed := first_of(row, SIGNED))
        else {}
    )
    plain = {k: v for k, v in row.items() if k not in SIGNED} | strength
    yield from count(prompt, responses, ballots, plain, keep_votes=len(ballots) > 1)


def from_label_studio(row: Row) -> Iterator[Draft | Tie]:
    """Label Studio's JSON export of a pairwise task: {"data", "annotations": [{"result": [{"value": {"selected"}}]}]}."""
    data = row["data"] if isinstance(row["data"], dict) else {}
    names = sides(data)
    if names is None:
        raise BadRow("field 'data' holds no two responses, such as 'answer1' and 'answer2'")
    done = [
        a for a in _list(row["annotations"]) if isinstance(a, dict) and not a.get("was_cancelled")
    ]
    results = [
        r
        for a in done
        for r in _list(a.get("result"))
        if isinstance(r, dict) and r.get("type") == "pairwise"
    ]
    chosen = [
        r["value"].get("selected") if isinstance(r.get("value"), dict) else None for r in results
    ]
    prompt, responses = _texts(data, names)
    yield from count(prompt, responses, [_named(names, c) for c in chosen], data)


def from_argilla(row: Row) -> Iterator[Draft | Tie]:
    """Argilla's export of a ranking: nested {"fields", "responses"}, or flat with columns "<question>.responses"."""
    fields = row["fields"] if isinstance(row.get("fields"), dict) else row
    responses = {
        k: v for k, v in fields.items() if re.fullmatch(r"(response|answer|completion)[-_]?\w", k)
    }
    if len(responses) < 2:
        raise BadRow("no two fields such as 'response1' and 'response2'")
    prompt = fields.get(first_of(fields, PROMPTS) or "instruction")
    ballots = [_ranking(list(responses), value) for value in _submitted(row)]
    yield from count(prompt, responses, ballots, fields)


def count(
    prompt: object,
    responses: dict[str, Any],
    ballots: list[Ballot],
    row: Row,
    keep_votes: bool = True,
) -> Iterator[Draft | Tie]:
    """A pair for every two responses of which more judges prefer one; the votes are kept."""
    if not ballots:
        raise BadRow("no judge's verdict is in this row")
    for first, second in combinations(responses, 2):
        votes = dict.fromkeys((first, second), 0)
        for ballot in ballots:
            if ballot[first] != ballot[second]:
                votes[min((first, second), key=ballot.__getitem__)] += 1
        if votes[first] == votes[second]:
            yield Tie("as many judges prefer one response as the other")
            continue
        chosen, rejected = (first, second) if votes[first] > votes[second] else (second, first)
        judged = {**row, "votes": [votes[chosen], votes[rejected]]} if keep_votes else row
        yield draft(prompt, responses[chosen], responses[rejected], judged)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(row: Row, names: tuple[str, str]) -> tuple[Any, dict[str, Any]]:
    if names[0].startswith("conversation"):
        (prompt, first), (_, second) = (end_with_response(name, row[name]) for name in names)
        return prompt, {names[0]: first, names[1]: second}
    return row.get(first_of(row, PROMPTS) or "prompt"), {name: row[name] for name in names}


def _verdict(names: tuple[str, str], row: Row) -> Ballot:
    signed = first_of(row, SIGNED)
    if signed is not None:
        return _signed(names, number(signed, row[signed]))
    named = first_of(row, NAMED)
    if named is None:
        raise BadRow(
            "no field says which response is better: 'winner', 'preference' or 'overall_preference'"
        )
    return _named(names, row[named])


def _signed(names: tuple[str, str], score: float) -> Ballot:
    return {names[0]: score, names[1]: -score}


def _named(names: tuple[str, str], value: object) -> Ballot:
    word = re.sub(r"\W|_", "", str(value)).lower()
    if word.startswith("tie") or word in ("equal", "same", "both", "neither"):
        return dict.fromkeys(names, 1)
    for place, plain in enumerate(PLACES):
        if word in {
            re.sub(r"\W|_", "", names[place]).lower(),
            *plain,
            *(f"model{p}" for p in plain),
        }:
            return {names[place]: 1, names[1 - place]: 2}
    raise BadRow(
        f"the verdict {str(value)[:40]!r} names neither response (1 or 2, a or b, left or right, or tie)"
    )


def _submitted(row: Row) -> list[Any]:
    """What each annotator answered to the one ranking question; drafts and discarded answers are left out."""
    nested = row.get("responses")
    if isinstance(nested, dict):
        answers = next((v for v in nested.values() if isinstance(v, list)), [])
        kept = [
            a
            for a in answers
            if isinstance(a, dict) and a.get("status", "submitted") in (None, "submitted")
        ]
        return [a.get("value") for a in kept]
    question = next((k for k in row if k.endswith(".responses")), "responses")
    values, states = row.get(question), row.get(f"{question}.status")
    if not isinstance(values, list):
        raise BadRow(f"field '{question}' holds no list of answers")
    if not isinstance(states, list):
        states = ["submitted"] * len(values)
    return [v for v, state in zip(values, states, strict=False) if state in (None, "submitted")]


def _ranking(names: list[str], value: object) -> Ballot:
    """DataParallel from ["best", ..., "worst"], from [{"value", "rank"}], or from the name of the best alone."""
    items = value if isinstance(value, list) else [value]
    plain = {re.sub(r"\W|_", "", name).lower(): name for name in names}
    ranks = dict.fromkeys(names, float(len(names) + 1))
    for place, item in enumerate(items, 1):
        label, rank = (
            (item.get("value"), item.get("rank")) if isinstance(item, dict) else (item, place)
        )
        name = plain.get(re.sub(r"\W|_", "", str(label)).lower())
        if name is None:
            raise BadRow(f"the ranking names {str(label)[:40]!r}, which is no response of this row")
        ranks[name] = number("rank", rank)
    return ranks
