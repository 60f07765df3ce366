"""Texts in the order of their token ids, in which those that begin alike stand side by side.

What they begin with in common needs to run once, whatever it is: the head of the chat template, a
prompt, an edited copy's beginning.
"""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

# A branch is worth a chunk of its own from so many tokens saved; tokens and chunks both take time.
MIN_SAVED = 16


@dataclass(frozen=True)
class SortedTexts:
    """Indices of texts, sorted by their token ids.

    ``shared`` (N,): how many tokens each begins with in common with the one before it, leaving at
    least one token of each behind them; 0 for the first. ``lengths`` (N,) in tokens.

    Example: [1, 2, 3, 4], [6, 7], [1, 2, 5] have text_ids [0, 2, 1] and shared [0, 2, 0].
    """

    text_ids: list[int]
    shared: list[int]
    lengths: list[int]

    @property
    def tokens(self) -> int:
        """Tokens to run, where what is shared runs once."""
        return sum(self.lengths) - sum(self.shared)

    def runs(self, capacity: int) -> list["SortedTexts"]:
        """Cut into runs of at most ``capacity`` tokens to run, or of one text, in this order.

        The first text of a run shares nothing with the run before.
        """
        starts: list[int] = []
        tokens = 0
        for place, (shared, length) in enumerate(zip(self.shared, self.lengths, strict=True)):
            tokens += length - shared
            if place == 0 or tokens > capacity:
                starts.append(place)
                tokens = length
        return [
            self._cut(start, stop)
            for start, stop in zip(starts, [*starts[1:], len(self.text_ids)], strict=True)
        ]

    def parts(self, count: int) -> list["SortedTexts"]:
        """Cut into at most ``count`` runs, the largest of which is as small as can be."""
        longest = max(self.lengths)
        capacity = bisect.bisect_left(
            range(self.tokens), True, lo=longest, key=lambda c: len(self.runs(c)) <= count
        )
        return self.runs(capacity)

    def branches(self, place: int, min_saved: int) -> list[int]:
        """Return where later texts leave the text at ``place``, in tokens, the least first.

        Left out are those that the text shares with the one before it, and those that would save
        fewer than ``min_saved`` tokens.
        """
        depth_of_later: list[int] = []
        depth = self.lengths[place]
        for shared in self.shared[place + 1 :]:
            depth = min(depth, shared)
            if depth <= self.shared[place]:
                break
            depth_of_later.append(depth)  # falls from text to text
        found: list[int] = []
        last = self.shared[place]
        for sharing in range(len(depth_of_later), 0, -1):  # texts that share the branch
            depth = depth_of_later[sharing - 1]
            if sharing * (depth - last) >= min_saved:
                found.append(depth)
                last = depth
        return found

    def _cut(self, start: int, stop: int) -> "SortedTexts":
        return SortedTexts(
            self.text_ids[start:stop], [0, *self.shared[start + 1 : stop]], self.lengths[start:stop]
        )


def sort_texts(texts: Sequence[list[int]], share: bool = True) -> SortedTexts:
    """Sort ``texts`` by their token ids; without ``share`` they have nothing in common."""
    text_ids = sorted(range(len(texts)), key=texts.__getitem__)
    shared = [0] * len(texts)
    if share:
        for place in range(1, len(texts)):
            before, text = texts[text_ids[place - 1]], texts[text_ids[place]]
            shared[place] = _common_prefix(before, text)
    return SortedTexts(text_ids, shared, [len(texts[i]) for i in text_ids])


def _common_prefix(first: list[int], second: list[int]) -> int:
    """Return how many tokens both begin with, leaving at least one of each behind them."""
    most = min(len(first), len(second)) - 1
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if place == most or one != other:
            return place
    return 0
