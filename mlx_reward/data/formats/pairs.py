"""Rows that hold a chosen and a rejected response."""

import os.path
from collections.abc import Iterator

from mlx_reward.data.formats.conversation import (
    end_with_response,
    read_dialogue,
    read_message,
    read_messages,
    read_response,
)
from mlx_reward.data.formats.pair_row import PairRow, pair_row
from mlx_reward.data.formats.prompts import has_prompt, prompt_of, with_system
from mlx_reward.data.formats.row import BadRow, Row, text
from mlx_reward.data.pair import Message


def from_pair(row: Row) -> Iterator[PairRow]:
    """Convert {"prompt", "chosen", "rejected"} of texts or messages.

    The prompt may have any name of PROMPTS; a "system" message, and LLaMA-Factory's "input" and
    "history", belong to it. chosen and rejected may repeat the prompt, as in UltraFeedback.
    """
    prompt = prompt_of(row)
    chosen = read_response("chosen", row.get("chosen"), prompt)
    rejected = read_response("rejected", row.get("rejected"), prompt)
    yield pair_row(prompt, chosen, rejected, row)


def is_implicit(row: Row) -> bool:
    """Return whether the prompt is what chosen and rejected begin with.

    A column for the prompt, other than "prompt" itself, says nothing where they are whole
    conversations.
    """
    if "chosen" not in row or "rejected" not in row or "prompt" in row:
        return False
    chosen = row["chosen"]
    return not has_prompt(row) or (isinstance(chosen, list) and len(chosen) > 1)


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

    {"input": {"messages"}, "preferred_output", "non_preferred_output"}. What an output says before
    its last message belongs to the prompt, so both outputs must say the same.
    """
    asked = row["input"].get("messages") if isinstance(row["input"], dict) else row["input"]
    before, chosen = end_with_response("preferred_output", row.get("preferred_output"))
    other, rejected = end_with_response("non_preferred_output", row.get("non_preferred_output"))
    prompt: object = asked
    if before or other:
        prompt = [*read_messages("input.messages", asked), *_same(before, other)]
    yield pair_row(prompt, chosen, rejected, row)


def from_sharegpt(row: Row) -> Iterator[PairRow]:
    """Convert LLaMA-Factory's sharegpt with ``ranking: true``.

    {"conversations", "chosen", "rejected"} of from/value messages
    """
    prompt = with_system(row, read_messages("conversations", row["conversations"]))
    chosen = read_message("chosen", row.get("chosen"))["content"]
    rejected = read_message("rejected", row.get("rejected"))["content"]
    yield pair_row(prompt, chosen, rejected, row)


def from_many(row: Row) -> Iterator[PairRow]:
    """Convert RewardBench 2 and RM-Bench: lists of right and wrong responses.

    Each right one is better than each wrong one.
    """
    for field in ("chosen", "rejected"):
        if not isinstance(row.get(field), list) or not row[field]:
            raise BadRow(f"field '{field}' must be a list of responses")
    prompt = prompt_of(row)
    for chosen in row["chosen"]:
        for rejected in row["rejected"]:
            yield pair_row(prompt, chosen, rejected, row)


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
