"""Rows with several responses to one prompt, and rows with one rated response each."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from mlx_reward.data.formats.conversation import read_prompt
from mlx_reward.data.formats.draft import Draft, Rated, draft, subset
from mlx_reward.data.formats.row import BadRow, Row, Tie, first_of, number, text

LISTS = ("responses", "completions", "answers")
TEXTS = ("response", "answer", "text", "content")
SCORES = ("score", "overall_score", "rating", "helpfulness")
PROMPTS = ("prompt", "instruction", "question")
_TURN = re.compile(r"\n?<extra_id_1>(User|Assistant)\n")


def from_group(row: Row) -> Iterator[Draft | Tie]:
    """{"prompt", "responses", "scores"} or "ranks", or a list of responses that carry their own score or rank."""
    yield from ranked(*read_group(row), row)


def read_group(row: Row) -> tuple[object, list[Any], list[float]]:
    """Prompt, responses and their scores, higher is better, as ``from_group`` takes them; not checked any further."""
    name = first_of(row, LISTS)
    responses = row[name] if name else None
    if not isinstance(responses, list) or len(responses) < 2:
        raise BadRow(f"field '{name or 'responses'}' must be a list of at least two responses")
    if isinstance(responses[0], dict):
        texts, scores = _unfold(responses)
    else:
        texts, scores = responses, _scores(row, len(responses))
    return row.get(first_of(row, PROMPTS) or "prompt"), texts, scores


def ranked(
    prompt: object, responses: list[Any], scores: list[float], row: Row
) -> Iterator[Draft | Tie]:
    """Every two responses: a pair where their scores differ, else a tie."""
    order = sorted(range(len(responses)), key=lambda i: -scores[i])
    for better, worse in combinations(order, 2):
        if scores[better] == scores[worse] or responses[better] == responses[worse]:
            yield Tie(
                "two responses have the same score"
                if scores[better] == scores[worse]
                else "two responses are equal"
            )
            continue
        pair = draft(prompt, responses[better], responses[worse], row)
        if isinstance(row.get("defects"), list) and worse < len(row["defects"]):
            pair["defect"] = row["defects"][worse]
        yield pair


def from_rated(row: Row) -> Iterator[Rated]:
    """HelpSteer2: {"prompt", "response", "helpfulness"...}; rows of one prompt make pairs, wherever they stand."""
    name = first_of(row, SCORES) or "score"
    prompt = _turns(row["prompt"]) if isinstance(row["prompt"], str) else row["prompt"]
    score = number(name, row.get(name))
    yield Rated(
        read_prompt("prompt", prompt),
        text("response", row.get("response")),
        score,
        subset(row)["subset"],
    )


def _scores(row: Row, count: int) -> list[float]:
    name = first_of(row, ("scores", "ranks"))
    values = row[name] if name else None
    if not isinstance(values, list) or len(values) != count:
        raise BadRow("fields 'responses' and 'scores' must be lists of the same length")
    sign = -1 if name == "ranks" else 1
    return [sign * number(f"{name}[{i}]", value) for i, value in enumerate(values)]


def _unfold(responses: list[Any]) -> tuple[list[Any], list[float]]:
    texts, scores = [], []
    for i, item in enumerate(responses):
        if not isinstance(item, dict):
            raise BadRow(
                f"field 'responses[{i}]' is {type(item).__name__}, not an object like the first"
            )
        rank, score = item.get("rank"), first_of(item, SCORES)
        texts.append(item.get(first_of(item, TEXTS) or "text"))
        scores.append(
            -number(f"responses[{i}].rank", rank) if score is None else number(score, item[score])
        )
    return texts, scores


def _turns(prompt: str) -> str | list[dict[str, str]]:
    """HelpSteer2 parts the turns of a longer conversation by <extra_id_1>."""
    first, *rest = _TURN.split(prompt)
    if not rest:
        return prompt
    turns = [{"role": r.lower(), "content": c} for r, c in zip(rest[::2], rest[1::2], strict=True)]
    return [{"role": "user", "content": first}, *turns]
