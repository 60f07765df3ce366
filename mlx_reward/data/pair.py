"""A preference: one prompt, a chosen and a rejected response. Every format is converted to it."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlx_reward.utils.files import read_jsonl

Message = dict[str, str]  # {"role", "content"}
Prompt = str | list[Message]  # a user's text, or a conversation that ends with the user


def as_messages(prompt: Prompt) -> list[Message]:
    """Return ``prompt`` as a conversation; a plain text becomes one message of the user."""
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt


def prompt_key(prompt: Prompt) -> str:
    """Return a text that is equal for equal prompts, whether plain text or messages."""
    return json.dumps([[m["role"], m["content"]] for m in as_messages(prompt)])


@dataclasses.dataclass(frozen=True)
class Pair:
    """A prompt and the two responses that were compared. Optional fields are None where unknown.

    ``group`` is the value of the field that ``split.group_by`` names. ``preference_strength`` says
    how much better chosen is, in the data's own units. ``votes`` are [chosen, rejected] counts.
    ``agreement`` is the share of annotators for chosen; real data with weighted votes sometimes has
    it below one half. ``tied_votes`` counts judges who preferred neither. ``source_id`` is the id
    that the file gives the row, where ``id``, which no other pair has, differs. ``defect`` names
    what is wrong with the rejected response.
    """

    prompt: Prompt
    chosen: str
    rejected: str
    id: str
    group: str | None = None
    subset: str | None = None
    preference_strength: float | None = None
    votes: list[int] | None = None
    tied_votes: int | None = None
    agreement: float | None = None
    defect: str | None = None
    source_id: str | None = None

    @property
    def prompt_key(self) -> str:
        """The ``prompt_key`` of this pair's prompt."""
        return prompt_key(self.prompt)

    @property
    def label(self) -> float:
        """Share of the judges for chosen; 1 where only the preference is known."""
        if self.votes is not None and sum(self.votes) > 0:
            return self.votes[0] / sum(self.votes)
        return 1.0 if self.agreement is None else self.agreement

    def to_row(self) -> dict[str, Any]:
        """Return the JSON object of this pair, without the fields that are None."""
        return {name: value for name, value in vars(self).items() if value is not None}


def read_pairs(path: Path) -> list[Pair]:
    """Read all pairs of a file that stage ``data`` or ``split`` wrote."""
    return list(iterate_pairs(path))


def iterate_pairs(path: Path) -> Iterator[Pair]:
    """Read such a file pair by pair, for files larger than memory."""
    for row in read_jsonl(path):
        yield Pair(**row)
