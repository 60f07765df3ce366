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
from mlx_reward.data.formats.draft import Draft, draft
from mlx_reward.data.formats.row import BadRow, Row, text
from mlx_reward.data.pair import Message


def from_pair(row: Row) -> Iterator[Draft]:
    """{"prompt", "chosen", "rejected"}: texts or messages; chosen and rejected may repeat the prompt (UltraFeedback)."""
    prompt = read_prompt("prompt", row["prompt"])
    chosen, rejected = (
        _response(field, row.get(field), prompt) for field in ("chosen", "rejected")
    )
    yield draft(prompt, chosen, rejected, row)


def from_implicit(row: Row) -> Iterator[Draft]:
    """{"chosen", "rejected"} that begin alike: the shared beginning is the prompt (TRL's implicit prompt, OpenRLHF)."""
    if isinstance(row.get("chosen"), list):
        chosen, rejected = (
            end_with_response(field, row.get(field)) for field in ("chosen", "rejected")
        )
        yield draft(_same(chosen[0], rejected[0]), chosen[1], rejected[1], row)
        return
    whole = text("chosen", row.get("chosen")), text("rejected", row.get("rejected"))
    shared = os.path.commonprefix(whole)  # noqa: RUF071  # by characters is what is meant
    if shared not in whole:  # a word is not cut in two
        shared = shared[: max(shared.rfind(" "), shared.rfind("\n")) + 1]
    if not shared.strip():
        raise BadRow(
            "field 'prompt' is missing, and chosen and rejected share no beginning that could be one"
        )
    chosen_end, rejected_end = (t[len(shared) :].strip() for t in whole)
    yield draft(shared.strip(), chosen_end, rejected_end, row)


def from_hh(row: Row) -> Iterator[Draft]:
    """HH-RLHF: whole dialogues in one string each, which agree in all but the last turn."""
    chosen, rejected = (read_dialogue(field, row.get(field)) for field in ("chosen", "rejected"))
    yield draft(_same(chosen[0], rejected[0]), chosen[1], rejected[1], row)


def from_openai(row: Row) -> Iterator[Draft]:
    """OpenAI's preference fine-tuning: {"input": {"messages"}, "preferred_output", "non_preferred_output"}."""
    given = row["input"].get("messages") if isinstance(row["input"], dict) else row["input"]
    (_, chosen), (_, rejected) = (
        end_with_response(f, row.get(f)) for f in ("preferred_output", "non_preferred_output")
    )
    yield draft(given, chosen, rejected, row)


def from_sharegpt(row: Row) -> Iterator[Draft]:
    """LLaMA-Factory with ``ranking: true``: {"conversations", "chosen", "rejected"} of from/value messages."""
    prompt = _with_system(row, read_messages("conversations", row["conversations"]))
    chosen, rejected = (
        read_message(field, row.get(field))["content"] for field in ("chosen", "rejected")
    )
    yield draft(prompt, chosen, rejected, row)


def from_alpaca(row: Row) -> Iterator[Draft]:
    """LLaMA-Factory's alpaca with ``ranking: true``: {"instruction", "input", "chosen", "rejected", "system", "history"}."""
    asked = text("instruction", row["instruction"])
    if row.get("input"):
        asked += "\n" + text("input", row["input"])
    turns = [
        message for i, turn in enumerate(_turns(row)) for message in _history(f"history[{i}]", turn)
    ]
    prompt = _with_system(row, [*turns, {"role": "user", "content": asked}])
    yield draft(asked if len(prompt) == 1 else prompt, row.get("chosen"), row.get("rejected"), row)


def from_many(row: Row) -> Iterator[Draft]:
    """RewardBench 2 and RM-Bench: lists of right and wrong responses; each right one is better than each wrong one."""
    for field in ("chosen", "rejected"):
        if not isinstance(row.get(field), list) or not row[field]:
            raise BadRow(f"field '{field}' must be a list of responses")
    for chosen in row["chosen"]:
        for rejected in row["rejected"]:
            yield draft(row.get("prompt"), chosen, rejected, row)


def _response(field: str, value: object, prompt: str | list[Message]) -> str:
    if not isinstance(value, list):
        return text(field, value)
    before, response = end_with_response(field, value)
    asked = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    if before and before != asked:
        raise BadRow(f"field '{field}' does not continue the prompt")
    return response


def _same(prompt: list[Message], other: list[Message]) -> list[Message]:
    if prompt != other:
        raise BadRow("chosen and rejected do not continue the same conversation")
    return prompt


def _with_system(row: Row, messages: list[Message]) -> list[Message]:
    return (
        [{"role": "system", "content": text("system", row["system"])}, *messages]
        if row.get("system")
        else messages
    )


def _turns(row: Row) -> list[Any]:
    turns = row.get("history") or []
    if not isinstance(turns, list):
        raise BadRow("field 'history' is no list of questions and answers")
    return turns


def _history(field: str, turn: object) -> list[Message]:
    if not isinstance(turn, list) or len(turn) != 2:
        raise BadRow(f"field '{field}' is not a question and its answer")
    return [
        {"role": "user", "content": text(field, turn[0])},
        {"role": "assistant", "content": text(field, turn[1])},
    ]
