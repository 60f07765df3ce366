"""Read a benchmark file as questions: prompts with responses that are right, wrong or ranked."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlx_reward.config.data import DataSettings
from mlx_reward.data.doubtful import settle
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
    """A prompt with responses. The first ``right`` of them are right, or all have ``scores``."""

    id: str
    prompt: str | list[Message]
    responses: list[str]
    right: int
    subset: str | None
    scores: list[float] | None = None

    @property
    def wrong(self) -> int:
        """How many responses are wrong."""
        return len(self.responses) - self.right


def read_questions(source: str) -> tuple[list[Question], int]:
    """Return the questions of ``source``, and how many of its rows cannot be used.

    ``source`` may be all that ``data.source`` may be. InputError where it holds no question.
    """
    settings = DataSettings(
        source=source, format="auto", config=None, split=None, revision=None, max_bad_fraction=1
    )
    found: list[Question] = []
    unusable = 0
    try:
        for _, row in settle(open_source(settings).rows):
            if isinstance(row, BadRow):
                unusable += 1
                continue
            try:
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
        yield Question(
            id=id,
            prompt=read_prompt("prompt", prompt),
            responses=[text("responses", response) for response in responses],
            right=0,
            subset=subset,
            scores=scores,
        )
    else:
        for item in convert(row):
            if isinstance(item, RatedResponse):
                raise BadRow("one response alone is no question")
            if not isinstance(item, Tie):
                responses = [item["chosen"], item["rejected"]]
                yield Question(id, item["prompt"], responses, right=1, subset=subset)


def _many(row: Row, id: str, subset: str | None) -> Question:
    right = row.get("chosen")
    wrong = row.get("rejected")
    if not isinstance(right, list) or not isinstance(wrong, list) or not wrong:
        raise BadRow("fields 'chosen' and 'rejected' must be lists of responses")
    responses: list[Any] = [*right, *wrong]
    return Question(
        id=id,
        prompt=read_prompt("prompt", row.get("prompt")),
        responses=[text("chosen", response) for response in responses],
        right=len(right),
        subset=subset,
    )
