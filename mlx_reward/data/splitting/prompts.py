"""Which prompts must share a side of the split: the same, conversations that extend one another, near duplicates."""

import hashlib
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mlx_reward.data.pair import Message
from mlx_reward.data.splitting.near_duplicates import Signatures
from mlx_reward.data.splitting.normalise import normal_turns


class Prompts:
    """Different prompts, numbered from 0; about 200 bytes each, and their signatures in a file."""

    def __init__(self, folder: Path, similarity: float | None) -> None:
        self._numbers: dict[int, int] = {}
        self._beginnings = (
            array("Q"),
            array("I"),
        )  # digest of a beginning, the prompt that goes on from it
        self._signatures, self._similarity = Signatures(folder), similarity

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, prompt: str | list[Message]) -> int:
        """The number of ``prompt``: that of an earlier one if they are the same after normalisation."""
        turns = normal_turns(prompt)
        digests = _digests(turns)
        number = self._numbers.get(digests[-1])
        if number is None:
            number = self._numbers[digests[-1]] = len(self._numbers)
            self._remember(turns, digests[:-1], number)
        return number

    def _remember(self, turns: list[str], beginnings: list[int], number: int) -> None:
        self._beginnings[0].extend(beginnings)
        self._beginnings[1].extend([number] * len(beginnings))
        if self._similarity is not None:
            self._signatures.add("\n".join(turns))

    def links(self) -> "np.ndarray[Any, Any]":
        """(E, 2) prompts that belong together."""
        beginnings = (
            (self._numbers.get(digest), number)
            for digest, number in zip(*self._beginnings, strict=True)
        )
        extended = [(first, number) for first, number in beginnings if first is not None]
        near = list(self._signatures.near(self._similarity)) if self._similarity is not None else []
        return np.array(extended + near, dtype=np.int64).reshape(-1, 2)


def components(count: int, links: "np.ndarray[Any, Any]") -> "np.ndarray[Any, np.dtype[np.int32]]":
    """(count,) a label for each of ``count`` things, the same for things that ``links`` (E, 2) connect."""
    graph = coo_array(
        (np.ones(len(links), np.int8), (links[:, 0], links[:, 1])), shape=(count, count)
    )
    return connected_components(graph, directed=False)[1]  # type: ignore[no-any-return]  # scipy is untyped


def _digests(turns: Iterable[str]) -> list[int]:
    """A digest of each beginning of the conversation, the whole of it last."""
    running = hashlib.blake2b(digest_size=8)
    found = []
    for turn in turns:
        running.update(turn.encode() + b"\x00")
        found.append(int.from_bytes(running.copy().digest(), "little"))
    return found
