"""Where each token stands when texts of any lengths run as one row without padding, each shared
prefix once.

Three texts, of which the first two share the prefix [1, 2], in chunks of at most three tokens:

    texts  0: [1, 2, 3, 4]    1: [1, 2, 5]    2: [6, 7, 8, 9, 10]

    chunk              0        1      2     3     4
    its text           2        2      0     0     1
    context            -        0      -     2     2      chunks that it sees besides itself
    token_ids       6  7  8   9 10   1  2  3  4     5
    sequence_ids    2  2  2   2  2   0  0  0  0     1
    position_ids    0  1  2   3  4   0  1  2  3     2
    cu_seqlens     0        3      5     7     9    10    where each chunk begins, and the end

last_chunks of the texts in the order of their groups (2, 0, 1) are 1, 3, 4; last_token_indices are
4, 8, 9.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlx_reward.engine.prefix_groups import PrefixGroup

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
    """``chunks`` of S tokens in all; ``last_chunks``: the last chunk of each of the N texts, in the
    order of their groups.
    """

    chunks: list[Chunk]
    last_chunks: list[int]

    def token_ids(self, texts: Sequence[Sequence[int]]) -> NDArray[np.int32]:
        """Return (S,) token ids."""
        pieces = [texts[c.text_id][c.start : c.stop] for c in self.chunks]
        return np.concatenate([np.array(piece, dtype=np.int32) for piece in pieces])

    @property
    def sequence_ids(self) -> NDArray[np.int64]:
        """(S,) a text that the token stands in; of a shared prefix, the first of its group."""
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


def lay_out(groups: Sequence[PrefixGroup], texts: Sequence[Sequence[int]]) -> VarlenLayout:
    """Lay out the prefix of each group, then what follows it in each of its texts."""
    chunks: list[Chunk] = []
    last_chunks: list[int] = []

    def add(text_id: int, start: int, stop: int, context: tuple[int, ...]) -> tuple[int, ...]:
        """Append chunks of one text; return ``context`` with them added."""
        for first in range(start, stop, CHUNK):
            chunks.append(Chunk(text_id, first, min(first + CHUNK, stop), context))
            context = (*context, len(chunks) - 1)
        return context

    for group in groups:
        prefix = add(group.text_ids[0], 0, group.prefix_length, ())
        for i in group.text_ids:
            seen = add(i, group.prefix_length, len(texts[i]), prefix)
            last_chunks.append(seen[-1])
    return VarlenLayout(chunks, last_chunks)
