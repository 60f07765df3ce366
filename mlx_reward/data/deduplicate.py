"""Pairs that say the same twice, and pairs that contradict one another.

A contradiction is the same two responses to the same prompt, both ways round.
"""

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlx_reward.data.formats.row import Judged
from mlx_reward.data.pair import Pair, one_or_several, prompt_key

NO_VOTES = -1  # stands for the votes of a pair that carries none


@dataclass(frozen=True)
class Resolution:
    """What becomes of one of several pairs of the same two responses.

    ``votes`` and ``group`` are those of all of them together.
    """

    kept: bool
    votes: list[int] | None
    group: str | list[str] | None
    kind: str  # "duplicate" or "contradiction"
    reason: str


class PairIndex:
    """Remembers 41 bytes of every pair: its responses, which of them won, its votes, group, place.

    Of ties it remembers the votes, which tell how far judges agree.

    The two responses are told apart by their alphabetical order, whichever is chosen: "low" is the
    one that comes first.
    """

    def __init__(self) -> None:
        self._keys = array("Q")  # digest of the prompt and both responses
        self._low_won = array("b")  # 1 where chosen is the low response, else 0
        self._votes_for = array("q")  # for chosen, or NO_VOTES
        self._votes_against = array("q")
        self._tied_votes = array("I")
        self._tie_keys = array("Q")
        self._tie_votes = array("q")  # three a tie: for low, for high, for neither
        self._files: dict[str, int] = {}
        self._file = array("I")  # index into the keys of _files
        self._line = array("Q")
        self._groups: dict[tuple[str, ...], int] = {}
        self._group = array("I")  # index into the keys of _groups

    def __len__(self) -> int:
        return len(self._keys)

    def place(self, number: int) -> tuple[str, int]:
        """Return file and line of a pair."""
        return list(self._files)[self._file[number]], self._line[number]

    def add(self, pair: Pair, place: tuple[str, int]) -> None:
        """Remember a pair; they are numbered from 0 in the order in which they are added."""
        file, line = place
        self._file.append(self._files.setdefault(file, len(self._files)))
        self._line.append(line)
        self._group.append(self._groups.setdefault(tuple(pair.groups), len(self._groups)))
        low, high = sorted((pair.chosen, pair.rejected))
        self._keys.append(_digest(pair.prompt_key, low, high))
        self._low_won.append(pair.chosen == low)
        votes_for, votes_against = pair.votes or (NO_VOTES, 0)
        self._votes_for.append(votes_for)
        self._votes_against.append(votes_against)
        self._tied_votes.append(pair.tied_votes or 0)

    def add_tie(self, judged: Judged) -> None:
        """Remember how judges voted on two responses of which neither won."""
        first, second = judged.responses
        for_first, for_second, neither = judged.votes
        if first > second:
            first, second = second, first
            for_first, for_second = for_second, for_first
        self._tie_keys.append(_digest(prompt_key(judged.prompt), first, second))
        self._tie_votes.extend((for_first, for_second, neither))

    def votes(self) -> "np.ndarray[Any, np.dtype[np.int64]]":
        """Return the votes (I, 3) on each item, for its low, its high and neither response.

        An item is two responses to one prompt. Where the source counts votes or tells of ties, a
        row without votes is one judge's; elsewhere repeated pairs are copies, not judges who agree.
        """
        carried = np.array(self._votes_for, np.int64) != NO_VOTES
        ties = np.array(self._tie_votes, np.int64).reshape(-1, 3)
        if not carried.any() and not len(ties):
            return np.zeros((0, 3), np.int64)
        keys = np.concatenate(
            [np.array(self._keys, np.uint64), np.array(self._tie_keys, np.uint64)]
        )
        return _items(keys, np.concatenate([self._votes_of_pairs(carried), ties]))

    def _votes_of_pairs(
        self, carried: "np.ndarray[Any, np.dtype[np.bool_]]"
    ) -> "np.ndarray[Any, np.dtype[np.int64]]":
        """Return the votes (P, 3) of each pair."""
        votes_for = np.where(carried, np.array(self._votes_for, np.int64), 1)
        votes_against = np.array(self._votes_against, np.int64)
        low_won = np.array(self._low_won, bool)
        return np.stack(
            [
                np.where(low_won, votes_for, votes_against),
                np.where(low_won, votes_against, votes_for),
                np.array(self._tied_votes, np.int64),
            ],
            axis=1,
        )

    def resolutions(self) -> dict[int, Resolution]:
        """Return, by number, what becomes of pairs that share their responses with another pair.

        All others stay as they are.
        """
        found: dict[int, Resolution] = {}
        groups = list(self._groups)
        for numbers in self._repeated():
            group = one_or_several(name for i in numbers for name in groups[self._group[i]])
            found |= self._resolve(numbers, group)
        return found

    def _repeated(self) -> Iterator[list[int]]:
        """Yield, in order, the numbers of two or more pairs of the same prompt and responses."""
        keys = np.array(self._keys, np.uint64)
        order = np.argsort(keys, kind="stable")
        edges = np.flatnonzero(np.diff(keys[order])) + 1
        starts = np.concatenate([[0], edges])
        ends = np.concatenate([edges, [len(keys)]])
        several = ends - starts > 1
        for start, end in zip(starts[several].tolist(), ends[several].tolist(), strict=True):
            yield order[start:end].tolist()

    def _resolve(self, numbers: list[int], group: str | list[str] | None) -> dict[int, Resolution]:
        """Keep the first pair of the response with more votes; none where both have as many."""
        winners = {self._low_won[i] for i in numbers}
        votes = self._count(numbers)
        if len(winners) == 1:
            (winner,) = winners
            kind = "duplicate"
            reason = "the same pair came before"
        elif votes[0] == votes[1]:
            reason = "as many votes for one response as for the other"
            return {i: Resolution(False, None, None, "contradiction", reason) for i in numbers}
        else:
            winner = int(votes[1] > votes[0])
            kind = "contradiction"
            reason = f"outvoted or repeated, {votes[winner]} to {votes[1 - winner]}"
        first = next(i for i in numbers if self._low_won[i] == winner)
        any_votes = any(self._votes_for[i] != NO_VOTES for i in numbers)
        counted = [votes[winner], votes[1 - winner]]
        return {
            i: Resolution(
                kept=i == first,
                votes=counted if i == first and (any_votes or kind == "contradiction") else None,
                group=group,
                kind=kind,
                reason=reason,
            )
            for i in numbers
        }

    def _count(self, numbers: list[int]) -> list[int]:
        """Return the votes of pairs of the same responses: [for the high, for the low response]."""
        votes = [0, 0]
        for i in numbers:
            winner = self._low_won[i]
            # A pair without votes is one vote.
            votes[winner] += 1 if self._votes_for[i] == NO_VOTES else self._votes_for[i]
            votes[1 - winner] += self._votes_against[i]
        return votes


def _items(
    keys: "np.ndarray[Any, Any]", rows: "np.ndarray[Any, np.dtype[np.int64]]"
) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Return the sums (I, 3) of the ``rows`` (R, 3) that have equal ``keys`` (R,)."""
    found, item = np.unique(keys, return_inverse=True)
    sums = np.zeros((len(found), rows.shape[1]), np.int64)
    np.add.at(sums, item, rows)
    return sums


def _digest(*texts: str) -> int:
    """Return 64 bits that stand for ``texts``."""
    digest = hashlib.blake2b("\x00".join(texts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")
