"""A preference: one prompt, a chosen and a rejected response. Every format is converted to it."""

import dataclasses
import json
from collections.abc import Iterable, Iterator
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


def one_or_several(groups: Iterable[str]) -> str | list[str] | None:
    """Return what ``Pair.group`` is for ``groups``, in which a group may occur more than once."""
    different = sorted(set(groups))
    if len(different) < 2:
        return different[0] if different else None
    return different


@dataclasses.dataclass(frozen=True)
class Pair:
    """A prompt and the two responses that were compared. Optional fields are None where unknown.

    ``group`` is the value of the field that ``split.group_by`` names, or a list of them where the
    rows that the pair comes from differ in it. ``cluster``, which stage ``split`` sets, is the same
    for pairs whose prompts are equal, nearly equal or of one group: the unit that is drawn, split
    and tested. ``score_chosen`` and ``score_rejected`` are those of the two responses in the ranked
    list that the pair comes from. ``preference_strength`` says
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
    group: str | list[str] | None = None
    cluster: str | None = None
    subset: str | None = None
    preference_strength: float | None = None
    score_chosen: float | None = None
    score_rejected: float | None = None
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
    def cluster_key(self) -> str:
        """The pair's cluster; its prompt alone where stage ``split`` has not seen it."""
        return self.prompt_key if self.cluster is None else self.cluster

    @property
    def groups(self) -> list[str]:
        """The values of ``group``: none, one or several."""
        if self.group is None:
            return []
        return [self.group] if isinstance(self.group, str) else self.group

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
