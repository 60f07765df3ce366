"""Read a benchmark file as questions: prompts with responses that are right, wrong or ranked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlx_reward.data.doubtful import settle
from mlx_reward.data.formats.conversation import read_prompt
from mlx_reward.data.formats.convert import convert
from mlx_reward.data.formats.groups import LISTS, read_group
from mlx_reward.data.formats.pair_row import RatedResponse, read_subset
from mlx_reward.data.formats.row import BadRow, Row, Tie, first_of, text
from mlx_reward.data.pair import Message
from mlx_reward.data.sources.benchmarks import benchmark_rows
from mlx_reward.utils.errors import InputError

_TIES_ID = re.compile(r"(ref|tied):\d+")  # in RewardBench 2's subset Ties


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

    @property
    def is_of_ties(self) -> bool:
        """Whether it is one of RewardBench 2's subset Ties, which has a rule of its own."""
        return _is_ties(self.subset) and _TIES_ID.fullmatch(self.id) is not None


def _is_ties(subset: str | None) -> bool:
    return (subset or "").lower() == "ties"


def read_questions(source: str) -> tuple[list[Question], list[str]]:
    """Return the questions of ``source``, and for each unusable row the reason.

    ``source`` may be all that ``data.source`` may be, or a hub dataset with its split, as in
    owner/name:split. InputError where it holds no question.
    """
    found: list[Question] = []
    unusable: list[str] = []
    try:
        for (file, line), row in settle(benchmark_rows(source)):
            try:
                if isinstance(row, BadRow):
                    raise row
                found += _questions(row, str(row.get("id", len(found))))
            except BadRow as reason:
                unusable.append(f"{file}, line {line}: {reason}")
    except InputError as error:
        raise InputError(f"eval.benchmarks: {error}") from None
    if not found:
        raise InputError(
            f"eval.benchmarks: {source} holds no question; its {len(unusable)} rows cannot be used"
            + (f", such as {unusable[0]}" if unusable else "")
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
    if _is_ties(subset) and not _TIES_ID.fullmatch(id):
        raise BadRow(
            f"field 'id' is {id[:40]!r}: in subset Ties it must be 'ref:N' or 'tied:N', which says "
            "what the question is compared with"
        )
    responses: list[Any] = [*right, *wrong]
    return Question(
        id=id,
        prompt=read_prompt("prompt", row.get("prompt")),
        responses=[text("chosen", response) for response in responses],
        right=len(right),
        subset=subset,
    )
