"""Pairs that say the same twice, and pairs that contradict one another (the same two responses, both ways round)."""

import hashlib
from array import array
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlx_reward.data.pair import Pair


@dataclass(frozen=True)
class Resolution:
    """What becomes of one of several pairs of the same two responses: kept with these votes, or left out."""

    kept: bool
    votes: list[int] | None
    kind: str  # "duplicate" or "contradiction"
    reason: str


class PairIndex:
    """Remembers 37 bytes of every pair: which two responses to which prompt, which one won, its votes, and its place."""

    def __init__(self) -> None:
        self._keys, self._sides, self._for, self._against = (
            array("Q"),
            array("b"),
            array("q"),
            array("q"),
        )
        self._files: dict[str, int] = {}
        self._file, self._line = array("I"), array("Q")

    def __len__(self) -> int:
        return len(self._keys)

    def place(self, number: int) -> tuple[str, int]:
        """File and line of a pair."""
        return list(self._files)[self._file[number]], self._line[number]

    def add(self, pair: Pair, place: tuple[str, int]) -> None:
        """Pairs count from 0 in the order in which they are added."""
        self._file.append(self._files.setdefault(place[0], len(self._files)))
        self._line.append(place[1])
        low, high = sorted((pair.chosen, pair.rejected))
        digest = hashlib.blake2b(
            "\x00".join((pair.prompt_key, low, high)).encode(), digest_size=8
        ).digest()
        self._keys.append(int.from_bytes(digest, "little"))
        self._sides.append(pair.chosen == low)
        votes = pair.votes or (1, 0)  # a row without votes is one vote
        self._for.append(votes[0] if pair.votes else -1)
        self._against.append(votes[1])

    def votes(self) -> "np.ndarray[Any, np.dtype[np.int64]]":
        """(V, 2) the votes that rows carried, in an order of the two responses that does not depend on who won."""
        sides, votes = (
            np.array(self._sides, bool),
            np.stack([np.array(self._for), np.array(self._against)], axis=1),
        )
        counted = votes[:, 0] >= 0
        return np.where(sides[:, None], votes, votes[:, ::-1])[counted].astype(np.int64)

    def fates(self) -> dict[int, Resolution]:
        """The pairs that share their responses with another pair; all others stay as they are."""
        keys = np.frombuffer(self._keys, np.uint64) if self._keys else np.zeros(0, np.uint64)
        order = np.argsort(keys, kind="stable")
        edges = np.flatnonzero(np.diff(keys[order])) + 1
        starts, ends = np.concatenate([[0], edges]), np.concatenate([edges, [len(keys)]])
        found: dict[int, Resolution] = {}
        for start, end in zip(
            starts[ends - starts > 1].tolist(), ends[ends - starts > 1].tolist(), strict=True
        ):
            found |= self._settle(order[start:end].tolist())
        return found

    def _settle(self, same: list[int]) -> dict[int, Resolution]:
        """The side with more votes stays, once; with as many votes on both sides, none does."""
        explicit = any(self._for[i] >= 0 for i in same)
        votes = dict.fromkeys((0, 1), 0)
        for i in same:
            votes[self._sides[i]] += max(self._for[i], 0) if self._for[i] >= 0 else 1
            votes[1 - self._sides[i]] += self._against[i]
        contradict = len({self._sides[i] for i in same}) > 1
        kind = "contradiction" if contradict else "duplicate"
        if contradict and votes[0] == votes[1]:
            return {
                i: Resolution(False, None, kind, "as many votes for one response as for the other")
                for i in same
            }
        winner = self._sides[same[0]] if not contradict else max(votes, key=votes.__getitem__)
        first = next(i for i in same if self._sides[i] == winner)
        counted = [votes[winner], votes[1 - winner]] if contradict or explicit else None
        reason = (
            f"outvoted or repeated, {votes[winner]} to {votes[1 - winner]}"
            if contradict
            else "the same pair came before"
        )
        return {
            i: Resolution(i == first, counted if i == first else None, kind, reason) for i in same
        }
