"""Rows that hold a chosen and a rejected response."""

import os.path
from collections.abc import Iterator
from typing import Any

from mlx_reward.data.formats.conversation import (
    end_with_response,
    read_dialogue,
    read_message,
    read_messages,
    read_prompt,
)
from mlx_reward.data.formats.pair_row import PairRow, pair_row
from mlx_reward.data.formats.row import BadRow, Row, text
from mlx_reward.data.pair import Message, Prompt, as_messages


def from_pair(row: Row) -> Iterator[PairRow]:
    """Convert {"prompt", "chosen", "rejected"} of texts or messages.

    chosen and rejected may repeat the prompt, as in UltraFeedback.
    """
    prompt = read_prompt("prompt", row["prompt"])
    chosen = _response("chosen", row.get("chosen"), prompt)
    rejected = _response("rejected", row.get("rejected"), prompt)
    yield pair_row(prompt, chosen, rejected, row)


def from_implicit(row: Row) -> Iterator[PairRow]:
    """Convert {"chosen", "rejected"} that begin alike (TRL's implicit prompt, OpenRLHF).

    The shared beginning is the prompt.
    """
    if isinstance(row.get("chosen"), list):
        prompt, chosen = end_with_response("chosen", row.get("chosen"))
        other_prompt, rejected = end_with_response("rejected", row.get("rejected"))
        yield pair_row(_same(prompt, other_prompt), chosen, rejected, row)
        return
    chosen = text("chosen", row.get("chosen"))
    rejected = text("rejected", row.get("rejected"))
    shared = _shared_beginning(chosen, rejected)
    if not shared.strip():
        raise BadRow(
            "field 'prompt' is missing, and chosen and rejected share no beginning "
            "that could be one"
        )
    chosen = chosen[len(shared) :].strip()
    rejected = rejected[len(shared) :].strip()
    yield pair_row(shared.strip(), chosen, rejected, row)


def from_hh(row: Row) -> Iterator[PairRow]:
    """Convert HH-RLHF: whole dialogues in one string each, which agree in all but the last turn."""
    prompt, chosen = read_dialogue("chosen", row.get("chosen"))
    other_prompt, rejected = read_dialogue("rejected", row.get("rejected"))
    yield pair_row(_same(prompt, other_prompt), chosen, rejected, row)


def from_openai(row: Row) -> Iterator[PairRow]:
    """Convert OpenAI's preference fine-tuning.

    {"input": {"messages"}, "preferred_output", "non_preferred_output"}
    """
    prompt = row["input"].get("messages") if isinstance(row["input"], dict) else row["input"]
    _, chosen = end_with_response("preferred_output", row.get("preferred_output"))
    _, rejected = end_with_response("non_preferred_output", row.get("non_preferred_output"))
    yield pair_row(prompt, chosen, rejected, row)


def from_sharegpt(row: Row) -> Iterator[PairRow]:
    """Convert LLaMA-Factory's sharegpt with ``ranking: true``.

    {"conversations", "chosen", "rejected"} of from/value messages
    """
    prompt = _with_system(row, read_messages("conversations", row["conversations"]))
    chosen = read_message("chosen", row.get("chosen"))["content"]
    rejected = read_message("rejected", row.get("rejected"))["content"]
    yield pair_row(prompt, chosen, rejected, row)


def from_alpaca(row: Row) -> Iterator[PairRow]:
    """Convert LLaMA-Factory's alpaca with ``ranking: true``.

    {"instruction", "input", "chosen", "rejected", "system", "history"}
    """
    question = text("instruction", row["instruction"])
    if row.get("input"):
        question += "\n" + text("input", row["input"])
    messages = _with_system(row, [*_history(row), *as_messages(question)])
    prompt = question if len(messages) == 1 else messages
    yield pair_row(prompt, row.get("chosen"), row.get("rejected"), row)


def from_many(row: Row) -> Iterator[PairRow]:
    """Convert RewardBench 2 and RM-Bench: lists of right and wrong responses.

    Each right one is better than each wrong one.
    """
    for field in ("chosen", "rejected"):
        if not isinstance(row.get(field), list) or not row[field]:
            raise BadRow(f"field '{field}' must be a list of responses")
    for chosen in row["chosen"]:
        for rejected in row["rejected"]:
            yield pair_row(row.get("prompt"), chosen, rejected, row)


def _response(field: str, value: object, prompt: Prompt) -> str:
    """Return a response that is a text, or the last message behind ``prompt``."""
    if not isinstance(value, list):
        return text(field, value)
    before, response = end_with_response(field, value)
    if before and before != as_messages(prompt):
        raise BadRow(f"field '{field}' does not continue the prompt")
    return response


def _shared_beginning(chosen: str, rejected: str) -> str:
    """Return what both begin with, as far as a word is not cut in two."""
    both = (chosen, rejected)
    shared = os.path.commonprefix(both)  # noqa: RUF071  # by characters is what is meant
    if shared in both:
        return shared
    return shared[: max(shared.rfind(" "), shared.rfind("\n")) + 1]


def _same(prompt: list[Message], other: list[Message]) -> list[Message]:
    if prompt != other:
        raise BadRow("chosen and rejected do not continue the same conversation")
    return prompt


def _with_system(row: Row, messages: list[Message]) -> list[Message]:
    if not row.get("system"):
        return messages
    return [{"role": "system", "content": text("system", row["system"])}, *messages]


def _history(row: Row) -> list[Message]:
    """Return alpaca's earlier turns, [[question, answer], ...], as messages."""
    turns = row.get("history") or []
    if not isinstance(turns, list):
        raise BadRow("field 'history' is no list of questions and answers")
    return [m for i, turn in enumerate(turns) for m in _turn(f"history[{i}]", turn)]


def _turn(field: str, turn: Any) -> list[Message]:
    if not isinstance(turn, list) or len(turn) != 2:
        raise BadRow(f"field '{field}' is not a question and its answer")
    return [
        {"role": "user", "content": text(field, turn[0])},
        {"role": "assistant", "content": text(field, turn[1])},
    ]
