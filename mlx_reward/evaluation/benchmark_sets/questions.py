"""A benchmark file as questions: one prompt, responses of which the first so many are right, or which carry scores."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlx_reward.config.data import DataSettings
from mlx_reward.data.formats.conversation import read_prompt
from mlx_reward.data.formats.convert import convert
from mlx_reward.data.formats.groups import LISTS, read_group
from mlx_reward.data.formats.pair_row import RatedResponse, read_subset
from mlx_reward.data.formats.row import BadRow, Row, Tie, first_of, text
from mlx_reward.data.pair import Message
from mlx_reward.data.sources.source import open_source
from mlx_reward.utils.errors import InputError


@dataclass(frozen=True)
class Question:
    """``right``: how many of ``responses``, from the first on, are right; ``scores``: theirs, where they are ranked instead."""

    id: str
    prompt: str | list[Message]
    responses: list[str]
    right: int
    subset: str | None
    scores: list[float] | None = None

    @property
    def wrong(self) -> int:
        return len(self.responses) - self.right


def read_questions(source: str) -> tuple[list[Question], int]:
    """All that ``source`` holds, which is given as ``data.source`` is, and how many rows cannot be used."""
    settings = DataSettings(
        source=source, format="auto", config=None, split=None, revision=None, max_bad_fraction=1
    )
    found: list[Question] = []
    unusable = 0
    try:
        for _, row in open_source(settings).rows:
            try:
                if isinstance(row, BadRow):
                    raise row
                found += _questions(row, str(row.get("id", len(found))))
            except BadRow:
                unusable += 1
    except InputError as error:
        raise InputError(f"eval.benchmarks: {error}") from None
    if not found:
        raise InputError(
            f"eval.benchmarks: {source} holds no question; its {unusable} rows cannot be used"
        )
    return found, unusable


def _questions(row: Row, id: str) -> Iterator[Question]:
    subset = read_subset(row)
    if isinstance(row.get("chosen"), list) and row["chosen"] and isinstance(row["chosen"][0], str):
        yield _many(row, id, subset)
    elif first_of(row, LISTS) is not None and "chosen" not in row:
        prompt, responses, scores = read_group(row)
        asked, answers = read_prompt("prompt", prompt), [text("responses", r) for r in responses]
        yield Question(id, asked, answers, 0, subset, scores)
    else:
        for item in convert(row):
            if isinstance(item, RatedResponse):
                raise BadRow("one response alone is no question")
            if not isinstance(item, Tie):
                yield Question(id, item["prompt"], [item["chosen"], item["rejected"]], 1, subset)


def _many(row: Row, id: str, subset: str | None) -> Question:
    right, wrong = (row.get(side) for side in ("chosen", "rejected"))
    if not isinstance(right, list) or not isinstance(wrong, list) or not wrong:
        raise BadRow("fields 'chosen' and 'rejected' must be lists of responses")
    responses: list[Any] = [*right, *wrong]
    return Question(
        id,
        read_prompt("prompt", row.get("prompt")),
        [text("chosen", r) for r in responses],
        len(right),
        subset,
    )
