"""Rows with several responses to one prompt, and rows with one rated response each."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from mlx_reward.data.formats.conversation import read_prompt
from mlx_reward.data.formats.pair_row import PairRow, RatedResponse, pair_row, read_subset
from mlx_reward.data.formats.row import BadRow, Row, Tie, encodable, first_of, number, text
from mlx_reward.data.pair import Prompt, as_messages

LISTS = ("responses", "completions", "answers")
TEXTS = ("response", "answer", "text", "content")
SCORES = ("score", "overall_score", "rating", "helpfulness")
PROMPTS = ("prompt", "instruction", "question")
_TURN = re.compile(r"\n?<extra_id_1>(User|Assistant)\n")


def from_group(row: Row) -> Iterator[PairRow | Tie]:
    """Convert {"prompt", "responses", "scores"} or "ranks" instead of scores.

    The responses may also be objects that carry their own score or rank.
    """
    prompt, responses, scores = read_group(row)
    yield from ranked(prompt, responses, scores, row)


def read_group(row: Row) -> tuple[object, list[Any], list[float]]:
    """Return prompt, responses and scores of a row that ``from_group`` takes.

    A higher score is better. Prompt and responses are not checked.
    """
    name = first_of(row, LISTS)
    responses = row[name] if name else None
    if not isinstance(responses, list) or len(responses) < 2:
        raise BadRow(f"field '{name or 'responses'}' must be a list of at least two responses")
    prompt = row.get(first_of(row, PROMPTS) or "prompt")
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
    prompt = row["prompt"]
    score = number(name, row.get(name))
    yield RatedResponse(
        prompt=read_prompt("prompt", _split_turns(prompt) if isinstance(prompt, str) else prompt),
        response=text("response", row.get("response")),
        score=score,
        subset=read_subset(row),
    )


def _read_scores(row: Row, count: int) -> list[float]:
    name = first_of(row, ("scores", "ranks"))
    values = row[name] if name else None
    if not isinstance(values, list) or len(values) != count:
        raise BadRow("fields 'responses' and 'scores' must be lists of the same length")
    sign = -1 if name == "ranks" else 1
    return [sign * number(f"{name}[{i}]", value) for i, value in enumerate(values)]


def _read_objects(responses: list[Any]) -> tuple[list[Any], list[float]]:
    """Return texts and scores of responses that carry their own."""
    texts: list[Any] = []
    scores: list[float] = []
    for i, item in enumerate(responses):
        if not isinstance(item, dict):
            raise BadRow(
                f"field 'responses[{i}]' is {type(item).__name__}, not an object like the first"
            )
        texts.append(item.get(first_of(item, TEXTS) or "text"))
        scores.append(_own_score(item, f"responses[{i}]"))
    return texts, scores


def _own_score(item: Row, place: str) -> float:
    name = first_of(item, SCORES)
    if name is None:
        return -number(f"{place}.rank", item.get("rank"))
    return number(name, item[name])


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
