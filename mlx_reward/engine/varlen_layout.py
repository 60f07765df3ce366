"""Where each token stands when texts of any lengths run as one row without padding, each shared
prefix once.

Three texts, of which the first two begin with [1, 2] in common, in chunks of at most three tokens:

    texts  0: [1, 2, 3, 4]    1: [1, 2, 5]    2: [6, 7, 8, 9, 10]

    chunk            0     1     2      3        4
    its text         0     0     1      2        2
    context          -     0     0      -        3        chunks that it sees besides itself
    token_ids       1  2  3  4   5   6  7  8   9 10
    sequence_ids    0  0  0  0   1   2  2  2   2  2
    position_ids    0  1  2  3   2   0  1  2   3  4
    cu_seqlens     0     2     4   5         8      10    where each chunk begins, and the end

last_chunks of the texts in their order (0, 1, 2) are 1, 2, 4; last_token_indices are 3, 4, 9.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlx_reward.engine.prefix_tree import MIN_SAVED, SortedTexts

# Tokens that attend at once: smaller chunks compute fewer scores in vain, in more and smaller
# matmuls.
CHUNK = 256


@dataclass(frozen=True)
class Chunk:
    """Tokens ``start`` to ``stop`` of text ``text_id``; they see all of the chunks ``context``, and
    their own up to themselves.
    """

    text_id: int
    start: int
    stop: int
    context: tuple[int, ...]

    @property
    def length(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class VarlenLayout:
    """``chunks`` of S tokens in all; ``last_chunks``: the last chunk of each of the N texts, sorted
    by their token ids.
    """

    chunks: list[Chunk]
    last_chunks: list[int]

    def token_ids(self, texts: Sequence[Sequence[int]]) -> NDArray[np.int32]:
        """Return (S,) token ids."""
        pieces = [texts[c.text_id][c.start : c.stop] for c in self.chunks]
        return np.concatenate([np.array(piece, dtype=np.int32) for piece in pieces])

    @property
    def sequence_ids(self) -> NDArray[np.int64]:
        """(S,) a text that the token stands in; of a shared prefix, the first."""
        return np.concatenate([np.full(c.length, c.text_id) for c in self.chunks])

    @property
    def position_ids(self) -> NDArray[np.int64]:
        """(S,) where in its text the token stands."""
        return np.concatenate([np.arange(c.start, c.stop) for c in self.chunks])

    @property
    def cu_seqlens(self) -> NDArray[np.int64]:
        """(C + 1,) where each of the C chunks begins among the S tokens, and S."""
        return np.cumsum([0] + [c.length for c in self.chunks])

    @property
    def last_token_indices(self) -> NDArray[np.int64]:
        """(N,) which of the S tokens is the last of each text."""
        return self.cu_seqlens[1:][self.last_chunks] - 1

    def token_indices(self) -> list[NDArray[np.int64]]:
        """Return, for each of the N texts, which of the S tokens make it up, in their order."""
        starts = self.cu_seqlens
        own = [np.arange(starts[n], starts[n + 1]) for n in range(len(self.chunks))]
        return [
            np.concatenate([own[n] for n in (*self.chunks[last].context, last)])
            for last in self.last_chunks
        ]


def lay_out(
    ordered: SortedTexts, texts: Sequence[Sequence[int]], min_saved: int = MIN_SAVED
) -> VarlenLayout:
    """Lay out each of ``texts`` from where it leaves those before it in ``ordered``.

    A prefix that saves fewer than ``min_saved`` tokens stands in each text.
    """
    chunks: list[Chunk] = []
    last_chunks: list[int] = []

    def add(text_id: int, start: int, stop: int, context: tuple[int, ...]) -> tuple[int, ...]:
        """Append chunks of one text; return ``context`` with them added."""
        for first in range(start, stop, CHUNK):
            chunks.append(Chunk(text_id, first, min(first + CHUNK, stop), context))
            context = (*context, len(chunks) - 1)
        return context

    # Where later texts may branch off the text before them: how many tokens in, after which chunks.
    branches: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    for place, text_id in enumerate(ordered.text_ids):
        while branches[-1][0] > ordered.shared[place]:
            branches.pop()
        start, context = branches[-1]
        for stop in ordered.branches(place, min_saved):
            context = add(text_id, start, stop, context)
            branches.append((stop, context))
            start = stop
        last_chunks.append(add(text_id, start, len(texts[text_id]), context)[-1])
    return VarlenLayout(chunks, last_chunks)
