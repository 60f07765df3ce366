"""Where each token stands when texts of any lengths run as one row without padding, each shared prompt once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlx_reward.bundles import Bundle

BLOCK = 256  # tokens that attend at once: a smaller block computes fewer scores in vain, in more and smaller matmuls


@dataclass(frozen=True)
class Block:
    """Tokens ``start`` to ``stop`` of ``text``; they see all of the blocks ``before``, and their own up to themselves."""

    text: int
    start: int
    stop: int
    before: tuple[int, ...]

    @property
    def length(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Layout:
    """``blocks`` of S tokens in all; ``ends``: the last block of each of the N texts, in the order of their bundles."""

    blocks: list[Block]
    ends: list[int]

    def tokens(self, texts: Sequence[Sequence[int]]) -> NDArray[np.int32]:
        """(S,) token ids."""
        return np.concatenate([np.array(texts[b.text][b.start : b.stop], dtype=np.int32) for b in self.blocks])

    @property
    def owners(self) -> NDArray[np.int64]:
        """(S,) a text that the token stands in."""
        return np.concatenate([np.full(b.length, b.text) for b in self.blocks])

    @property
    def positions(self) -> NDArray[np.int64]:
        """(S,) where in its text the token stands."""
        return np.concatenate([np.arange(b.start, b.stop) for b in self.blocks])

    @property
    def behind(self) -> NDArray[np.int64]:
        """Which of the S tokens follows each block."""
        return np.cumsum([b.length for b in self.blocks])

    @property
    def last(self) -> NDArray[np.int64]:
        """(N,) which of the S tokens is the last of each text."""
        return self.behind[self.ends] - 1

    def rows(self) -> list[NDArray[np.int64]]:
        """Which of the S tokens make up each text."""
        behind = self.behind
        own = [np.arange(end - b.length, end) for b, end in zip(self.blocks, behind, strict=True)]
        return [np.concatenate([own[i] for i in (*self.blocks[last].before, last)]) for last in self.ends]


def lay_out(bundles: Sequence[Bundle], texts: Sequence[Sequence[int]]) -> Layout:
    """The prefix of each bundle, then what follows it in each member."""
    blocks: list[Block] = []
    ends: list[int] = []

    def add(text: int, start: int, stop: int, before: tuple[int, ...]) -> tuple[int, ...]:
        for first in range(start, stop, BLOCK):
            blocks.append(Block(text, first, min(first + BLOCK, stop), before))
            before = (*before, len(blocks) - 1)
        return before

    for b in bundles:
        prefix = add(b.members[0], 0, b.prefix, ())
        ends += [add(i, b.prefix, len(texts[i]), prefix)[-1] for i in b.members]
    return Layout(blocks, ends)
