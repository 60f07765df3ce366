"""Rows that hold responses side by side, and what one or several judges said of them."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from mlx_reward.data.formats.conversation import end_with_response
from mlx_reward.data.formats.pair_row import PairRow, pair_row
from mlx_reward.data.formats.row import BadRow, Row, Tie, first_of, is_number, number

PROMPTS = ("prompt", "context", "instruction", "question")
SIDES = [
    (f"{stem}{joint}{first}", f"{stem}{joint}{second}")
    for stem in ("response", "answer", "completion", "output", "text", "conversation")
    for joint in ("", "_", "-")
    for first, second in (("1", "2"), ("a", "b"), ("A", "B"))
]
# HelpSteer: below zero the first response is better, above zero the second.
SIGNED = ("overall_preference", "preference_strength")
NAMED = ("winner", "preference", "preferred", "choice", "label", "selected")
PLACES = (("1", "a", "left", "first"), ("2", "b", "right", "second"))
TIES = ("equal", "same", "both", "neither")

Ballot = dict[str, float]  # the rank that one judge gives each response; the lowest is best


def sides(row: Row) -> tuple[str, str] | None:
    """Return the names of the two fields that hold the responses."""
    return next(((a, b) for a, b in SIDES if a in row and b in row), None)


def has_verdict(row: Row) -> bool:
    """Return whether the row holds two responses and says which is better."""
    return sides(row) is not None and first_of(row, SIGNED + NAMED) is not None


def from_compared(row: Row) -> Iterator[PairRow | Tie]:
    """Convert two responses and a verdict.

    HelpSteer2 and 3 preference, Chatbot Arena, AlpacaFarm and their like.
    """
    names = sides(row)
    if names is None:
        raise BadRow("no two responses, such as 'response_1' and 'response_2'")
    ballots = _individual_ballots(names, row) or [_verdict(names, row)]
    prompt, responses = _texts(row, names)
    rest = {field: value for field, value in row.items() if field not in SIGNED}
    signed = first_of(row, SIGNED)
    if signed is not None:
        rest["preference_strength"] = abs(number(signed, row[signed]))
    yield from count_ballots(prompt, responses, ballots, rest, keep_votes=len(ballots) > 1)


def from_label_studio(row: Row) -> Iterator[PairRow | Tie]:
    """Convert Label Studio's JSON export of a pairwise task.

    {"data", "annotations": [{"result": [{"value": {"selected"}}]}]}
    """
    data = row["data"] if isinstance(row["data"], dict) else {}
    names = sides(data)
    if names is None:
        raise BadRow("field 'data' holds no two responses, such as 'answer1' and 'answer2'")
    prompt, responses = _texts(data, names)
    ballots = [_named(names, selected) for selected in _selections(row["annotations"])]
    yield from count_ballots(prompt, responses, ballots, data)


def from_argilla(row: Row) -> Iterator[PairRow | Tie]:
    """Convert Argilla's export of a ranking.

    It is nested {"fields", "responses"}, or flat with columns "<question>.responses".
    """
    fields = row["fields"] if isinstance(row.get("fields"), dict) else row
    responses = {
        field: value
        for field, value in fields.items()
        if re.fullmatch(r"(response|answer|completion)[-_]?\w", field)
    }
    if len(responses) < 2:
        raise BadRow("no two fields such as 'response1' and 'response2'")
    prompt = fields.get(first_of(fields, PROMPTS) or "instruction")
    ballots = [_ranking(list(responses), value) for value in _submitted(row)]
    yield from count_ballots(prompt, responses, ballots, fields)


def count_ballots(
    prompt: object,
    responses: dict[str, Any],
    ballots: list[Ballot],
    row: Row,
    keep_votes: bool = True,
) -> Iterator[PairRow | Tie]:
    """Yield a pair for every two responses of which more judges prefer one, else a tie.

    With ``keep_votes`` the pair carries how many judges prefer each.
    """
    if not ballots:
        raise BadRow("no judge's verdict is in this row")
    for first, second in combinations(responses, 2):
        for_first = sum(ballot[first] < ballot[second] for ballot in ballots)
        for_second = sum(ballot[second] < ballot[first] for ballot in ballots)
        if for_first == for_second:
            yield Tie("as many judges prefer one response as the other")
            continue
        chosen, rejected = (first, second) if for_first > for_second else (second, first)
        votes = [max(for_first, for_second), min(for_first, for_second)]
        judged = {**row, "votes": votes} if keep_votes else row
        yield pair_row(prompt, responses[chosen], responses[rejected], judged)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(row: Row, names: tuple[str, str]) -> tuple[Any, dict[str, Any]]:
    """Return the prompt and the two responses by the names of their fields."""
    first, second = names
    if first.startswith("conversation"):
        prompt, first_response = end_with_response(first, row[first])
        _, second_response = end_with_response(second, row[second])
        return prompt, {first: first_response, second: second_response}
    question = row.get(first_of(row, PROMPTS) or "prompt")
    return question, {first: row[first], second: row[second]}


def _individual_ballots(names: tuple[str, str], row: Row) -> list[Ballot]:
    """Return a ballot for each judge of HelpSteer3; none where the row does not name them all."""
    judges = _list(row.get("individual_preference"))
    if not all(isinstance(judge, dict) and is_number(judge.get("score")) for judge in judges):
        return []
    return [_signed(names, judge["score"]) for judge in judges]


def _verdict(names: tuple[str, str], row: Row) -> Ballot:
    """Return the ballot of the one judge whose verdict is a field of the row."""
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
    """Return the ballot of a score that is below zero where the first response is better."""
    first, second = names
    return {first: score, second: -score}


def _named(names: tuple[str, str], value: object) -> Ballot:
    """Return the ballot of a verdict that names the better response, or says that it is a tie."""
    word = _plain(value)
    if word.startswith("tie") or word in TIES:
        return dict.fromkeys(names, 1)
    for place, words in enumerate(PLACES):
        models = [f"model{w}" for w in words]
        if word in (_plain(names[place]), *words, *models):
            return {names[place]: 1, names[1 - place]: 2}
    raise BadRow(
        f"the verdict {str(value)[:40]!r} names neither response "
        "(1 or 2, a or b, left or right, or tie)"
    )


def _plain(value: object) -> str:
    """Return letters and digits alone, in lower case: "Response-1" becomes "response1"."""
    return re.sub(r"\W|_", "", str(value)).lower()


def _selections(annotations: object) -> list[Any]:
    """Return what each pairwise result of Label Studio's annotations selects.

    Cancelled annotations do not count.
    """
    done = [
        annotation
        for annotation in _list(annotations)
        if isinstance(annotation, dict) and not annotation.get("was_cancelled")
    ]
    results = [
        result
        for annotation in done
        for result in _list(annotation.get("result"))
        if isinstance(result, dict) and result.get("type") == "pairwise"
    ]
    return [
        result["value"].get("selected") if isinstance(result.get("value"), dict) else None
        for result in results
    ]


def _submitted(row: Row) -> list[Any]:
    """Return what each annotator answered to Argilla's one ranking question.

    Drafts and discarded answers are left out.
    """
    nested = row.get("responses")
    if isinstance(nested, dict):
        answers = next((value for value in nested.values() if isinstance(value, list)), [])
        answers = [answer for answer in answers if isinstance(answer, dict)]
        values = [answer.get("value") for answer in answers]
        states = [answer.get("status", "submitted") for answer in answers]
    else:
        values, states = _flat_answers(row)
    return [
        value for value, state in zip(values, states, strict=False) if state in (None, "submitted")
    ]


def _flat_answers(row: Row) -> tuple[list[Any], list[Any]]:
    """Return values and states from the columns "<question>.responses" and "....status"."""
    question = next((name for name in row if name.endswith(".responses")), "responses")
    values = row.get(question)
    if not isinstance(values, list):
        raise BadRow(f"field '{question}' holds no list of answers")
    states = row.get(f"{question}.status")
    if not isinstance(states, list):
        states = ["submitted"] * len(values)
    return values, states


def _ranking(names: list[str], value: object) -> Ballot:
    """Return a ballot of Argilla's ranking.

    It is ["best", ..., "worst"], [{"value", "rank"}, ...], or the name of the best alone; what it
    does not name comes last.
    """
    items = value if isinstance(value, list) else [value]
    name_of = {_plain(name): name for name in names}
    ballot = dict.fromkeys(names, float(len(names) + 1))
    for place, item in enumerate(items, 1):
        label: object = item
        rank: object = place
        if isinstance(item, dict):
            label = item.get("value")
            rank = item.get("rank")
        name = name_of.get(_plain(label))
        if name is None:
            raise BadRow(f"the ranking names {str(label)[:40]!r}, which is no response of this row")
        ballot[name] = number("rank", rank)
    return ballot
