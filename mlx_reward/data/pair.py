"""A preference: one prompt, a chosen and a rejected response. Every format is converted to this once, at the door."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlx_reward.utils.files import read_jsonl

Message = dict[str, str]


@dataclasses.dataclass(frozen=True)
class Pair:
    """``prompt`` is a user's text or a conversation that ends with the user. Optional fields are None where unknown.

    ``group``: the value of the field that ``split.group_by`` names. ``preference_strength``: how much better chosen is, in the
    data's own units. ``votes``: [chosen, rejected] counts. ``agreement``: share of annotators for chosen (sometimes below
    one half in real data, where votes are weighted).
    """

    prompt: str | list[Message]
    chosen: str
    rejected: str
    id: str
    group: str | None = None
    subset: str | None = None
    preference_strength: float | None = None
    votes: list[int] | None = None
    agreement: float | None = None
    defect: str | None = None

    @property
    def prompt_key(self) -> str:
        """Equal for equal prompts, whichever form they have."""
        messages = (
            [{"role": "user", "content": self.prompt}]
            if isinstance(self.prompt, str)
            else self.prompt
        )
        return json.dumps([[m["role"], m["content"]] for m in messages])

    @property
    def label(self) -> float:
        """Share of the judges for chosen, 1 where only the preference is known."""
        if self.votes is not None and sum(self.votes) > 0:
            return self.votes[0] / sum(self.votes)
        return 1.0 if self.agreement is None else self.agreement

    def to_row(self) -> dict[str, Any]:
        """The JSON object of this pair; fields that are None are left out."""
        return {name: value for name, value in vars(self).items() if value is not None}


def read_pairs(path: Path) -> list[Pair]:
    """Pairs that stage ``data`` or ``split`` wrote."""
    return list(iterate_pairs(path))


def iterate_pairs(path: Path) -> Iterator[Pair]:
    """The same, one by one, for files larger than memory."""
    for row in read_jsonl(path):
        yield Pair(**row)
