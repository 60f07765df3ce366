"""Rows with several responses to one prompt, and rows with one rated response each."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from mlx_reward.data.formats.conversation import read_prompt
from mlx_reward.data.formats.pair_row import PairRow, RatedResponse, pair_row, read_subset
from mlx_reward.data.formats.prompts import prompt_of
from mlx_reward.data.formats.row import (
    BadRow,
    Contradictory,
    Row,
    Tie,
    encodable,
    first_of,
    is_given,
    number,
    text,
)
from mlx_reward.data.pair import Prompt, as_messages

LISTS = ("responses", "completions", "answers")
TEXTS = ("response", "answer", "text", "content")
SCORES = ("score", "overall_score", "rating", "helpfulness")
_TURN = re.compile(r"\n?<extra_id_1>(User|Assistant)\n")


def from_group(row: Row) -> Iterator[PairRow | Tie]:
    """Convert {"prompt", "responses", "scores"} or "ranks" instead of scores.

    The responses may also be objects that carry their own score or rank.
    """
    prompt, responses, scores = read_group(row)
    yield from ranked(prompt, responses, scores, row)


def read_group(row: Row) -> tuple[object, list[Any], list[float]]:
    """Return prompt, responses and scores of a row that ``from_group`` takes.

    A higher score is better. Ranks decide where there are both, and must not contradict the scores.
    Responses are not checked.
    """
    name = first_of(row, LISTS)
    responses = row[name] if name else None
    if not isinstance(responses, list) or len(responses) < 2:
        raise BadRow(f"field '{name or 'responses'}' must be a list of at least two responses")
    prompt = prompt_of(row)
    if isinstance(responses[0], dict):
        texts, scores = _read_objects(responses)
        return prompt, texts, scores
    return prompt, responses, _read_scores(row, len(responses))


def ranked(
    prompt: object, responses: list[Any], scores: list[float], row: Row
) -> Iterator[PairRow | Tie]:
    """Yield a pair or a tie for every two responses, a pair where their scores differ."""
    order = sorted(range(len(responses)), key=lambda i: -scores[i])
    for better, worse in combinations(order, 2):
        if scores[better] == scores[worse]:
            yield Tie("two responses have the same score")
        elif responses[better] == responses[worse]:
            yield Tie("two responses are equal")
        else:
            pair = pair_row(prompt, responses[better], responses[worse], row)
            pair["score_chosen"] = scores[better]
            pair["score_rejected"] = scores[worse]
            defects = row.get("defects")
            if isinstance(defects, list) and worse < len(defects):
                pair["defect"] = _defect(f"defects[{worse}]", defects[worse])
            yield pair


def _defect(field: str, value: Any) -> Any:
    return encodable(field, value) if isinstance(value, str) else value


def from_rated(row: Row) -> Iterator[RatedResponse]:
    """Convert {"prompt", "response", "helpfulness"...} (HelpSteer2), one response a row.

    Rows of one prompt make pairs later, wherever they stand.
    """
    name = first_of(row, SCORES) or "score"
    score = number(name, row.get(name))
    prompt = prompt_of(row)
    if isinstance(prompt, str):
        prompt = _split_turns(prompt)
    yield RatedResponse(
        prompt=read_prompt("prompt", prompt),
        response=text("response", row.get("response")),
        score=score,
        subset=read_subset(row),
    )


def _read_scores(row: Row, count: int) -> list[float]:
    ranks = _numbers(row, "ranks", count)
    scores = _numbers(row, "scores", count)
    if ranks is None and scores is None:
        raise BadRow("fields 'responses' and 'scores' must be lists of the same length")
    return _better_first(ranks, scores)


def _numbers(row: Row, name: str, count: int) -> list[float] | None:
    values = row.get(name)
    if values is None:
        return None
    if not isinstance(values, list) or len(values) != count:
        raise BadRow(f"fields 'responses' and '{name}' must be lists of the same length")
    return [number(f"{name}[{i}]", value) for i, value in enumerate(values)]


def _better_first(ranks: list[float] | None, scores: list[float] | None) -> list[float]:
    """Return scores, which are the negative ranks where there are ranks."""
    if ranks is None:
        return scores or []
    if scores is not None:
        for one, other in combinations(range(len(ranks)), 2):
            if (ranks[one] - ranks[other]) * (scores[one] - scores[other]) > 0:
                raise Contradictory("the response of the better rank has the lower score")
    return [-rank for rank in ranks]


def _read_objects(responses: list[Any]) -> tuple[list[Any], list[float]]:
    """Return texts and scores of responses that carry their own."""
    for i, item in enumerate(responses):
        if not isinstance(item, dict):
            raise BadRow(
                f"field 'responses[{i}]' is {type(item).__name__}, not an object like the first"
            )
    texts = [item.get(first_of(item, TEXTS) or "text") for item in responses]
    ranks = _of_all(responses, "rank")
    name = next((name for name in SCORES if any(is_given(r.get(name)) for r in responses)), None)
    scores = None if name is None else _of_all(responses, name)
    if ranks is None and scores is None:
        raise BadRow(f"field 'responses[0]' has neither 'rank' nor one of {', '.join(SCORES)}")
    return texts, _better_first(ranks, scores)


def _of_all(responses: list[Row], name: str) -> list[float] | None:
    """Return one field of all responses, None where none has it; BadRow where only some have."""
    if not any(is_given(item.get(name)) for item in responses):
        return None
    return [number(f"responses[{i}].{name}", item.get(name)) for i, item in enumerate(responses)]


def _split_turns(prompt: str) -> Prompt:
    """Split a longer conversation of HelpSteer2 at <extra_id_1>, which marks its turns."""
    first, *rest = _TURN.split(prompt)
    if not rest:
        return prompt
    turns = [
        {"role": role.lower(), "content": content}
        for role, content in zip(rest[::2], rest[1::2], strict=True)
    ]
    return [*as_messages(first), *turns]
