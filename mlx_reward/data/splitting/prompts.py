"""Which prompts must share a split.

They are the same, near duplicates, or conversations of which one begins with the other.
"""

import hashlib
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mlx_reward.data.pair import Prompt
from mlx_reward.data.splitting.near_duplicates import NearDuplicates
from mlx_reward.data.splitting.normalise import normal_turns


class Prompts:
    """Different prompts, numbered from 0; about 200 bytes each, and their shingles in files."""

    def __init__(self, folder: Path, similarity: float | None) -> None:
        self._numbers: dict[int, int] = {}
        self._beginnings = array("Q")  # digests of conversations with which others begin
        self._extending = array("I")  # the number of the prompt that goes on from each
        self._near = NearDuplicates(folder)
        self._similarity = similarity

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, prompt: Prompt) -> int:
        """Return the number of ``prompt``, or of an earlier one with equal normalised turns."""
        turns = normal_turns(prompt)
        digests = _digests(turns)
        number = self._numbers.get(digests[-1])
        if number is None:
            number = len(self._numbers)
            self._numbers[digests[-1]] = number
            self._remember(turns, digests[:-1], number)
        return number

    def _remember(self, turns: list[str], beginnings: list[int], number: int) -> None:
        self._beginnings.extend(beginnings)
        self._extending.extend([number] * len(beginnings))
        if self._similarity is not None:
            self._near.add("\n".join(turns))

    def links(self) -> "np.ndarray[Any, Any]":
        """Return the numbers of prompts (E, 2) that belong together."""
        found: list[tuple[int, int]] = []
        for digest, number in zip(self._beginnings, self._extending, strict=True):
            beginning = self._numbers.get(digest)
            if beginning is not None:
                found.append((beginning, number))
        if self._similarity is not None:
            found += self._near.links(self._similarity)
        return np.array(found, dtype=np.int64).reshape(-1, 2)


def components(count: int, links: "np.ndarray[Any, Any]") -> "np.ndarray[Any, np.dtype[np.int32]]":
    """Return labels (count,), equal for things that ``links`` (E, 2) connect."""
    entries = (np.ones(len(links), np.int8), (links[:, 0], links[:, 1]))
    graph = coo_array(entries, shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    return labels  # type: ignore[no-any-return]  # scipy is untyped


def _digests(turns: Iterable[str]) -> list[int]:
    """Return a digest of each beginning of the conversation, the whole of it last."""
    running = hashlib.blake2b(digest_size=8)
    found = []
    for turn in turns:
        running.update(turn.encode() + b"\x00")
        found.append(int.from_bytes(running.copy().digest(), "little"))
    return found
