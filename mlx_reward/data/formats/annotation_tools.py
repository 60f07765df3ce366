"""Exports of annotation tools: Label Studio's and Argilla's."""

import re
from collections.abc import Iterator
from typing import Any

from mlx_reward.data.formats.ballots import Ballot, count_ballots
from mlx_reward.data.formats.pair_row import PairRow
from mlx_reward.data.formats.prompts import prompt_of
from mlx_reward.data.formats.row import BadRow, Row, Tie, number
from mlx_reward.data.formats.verdicts import named, plain, sides


def from_label_studio(row: Row) -> Iterator[PairRow | Tie]:
    """Convert Label Studio's JSON export of a pairwise task.

    {"data", "annotations": [{"result": [{"value": {"selected"}}]}]}
    """
    data = row["data"] if isinstance(row["data"], dict) else {}
    names = sides(data)
    if names is None:
        raise BadRow("field 'data' holds no two responses, such as 'answer1' and 'answer2'")
    ballots = [_selected(names, selected) for selected in _selections(row["annotations"])]
    responses = {name: data[name] for name in names}
    yield from count_ballots(prompt_of(data), responses, ballots, data)


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
    ballots = [_ranking(list(responses), value) for value in _submitted(row)]
    yield from count_ballots(prompt_of(fields), responses, ballots, fields)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _selected(names: tuple[str, str], value: object) -> Ballot:
    """Return the ballot of an annotator who selected one of two responses, or neither."""
    first, second = names
    return {first: named(names, value), second: 0.0}


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
    name_of = {plain(name): name for name in names}
    ballot = dict.fromkeys(names, float(len(names) + 1))
    for place, item in enumerate(items, 1):
        label: object = item
        rank: object = place
        if isinstance(item, dict):
            label = item.get("value")
            rank = item.get("rank")
        name = name_of.get(plain(label))
        if name is None:
            raise BadRow(f"the ranking names {str(label)[:40]!r}, which is no response of this row")
        ballot[name] = number("rank", rank)
    return ballot
