"""What the frozen blocks below the first adapter make of each text: computed once, used in every epoch and later runs.

The blocks above run unchanged inside the architecture's own forward pass: while they do, the frozen ones are stood in for
by blocks that hand over the stored hidden states.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten
from numpy.typing import NDArray

from mlx_reward.blocks import StandIn, blocks, replaced


@dataclass(frozen=True)
class FrozenStates:
    """``states`` (S, D): the hidden state of every token above the frozen blocks; ``starts`` (N,): where each text begins."""

    states: mx.array
    starts: NDArray[np.int64]

    @classmethod
    def of_texts(cls, states: mx.array, texts: Sequence[Sequence[int]]) -> "FrozenStates":
        """``states`` hold the tokens of ``texts`` one text after the other."""
        return cls(states, np.cumsum([0, *map(len, texts)], dtype=np.int64)[:-1])

    def take(self, texts: Sequence[int]) -> "FrozenStates":
        """Those of some of the texts, which count from 0 again."""
        return FrozenStates(self.states, self.starts[list(texts)])

    def of(self, texts: Sequence[int], start: int, length: int) -> mx.array:
        """(B, length, D) of ``texts`` from token ``start`` on; behind a text's end stands what follows it, as padding."""
        rows = self.starts[list(texts)][:, None] + start + np.arange(length)
        return self.states[mx.array(np.minimum(rows, len(self.states) - 1))]

    def at(self, texts: NDArray[np.int64], positions: NDArray[np.int64]) -> mx.array:
        """(S, D) of single tokens, named by text and position."""
        return self.states[mx.array(self.starts[texts] + positions)]


def frozen_blocks(backbone: nn.Module) -> int:
    """How many blocks from the first on hold nothing that is trained."""
    layers = blocks(backbone)
    trained = [i for i, block in enumerate(layers) if tree_flatten(block.trainable_parameters())]
    return min(trained, default=len(layers))


@contextmanager
def given(backbone: nn.Module, below: mx.array | None) -> Iterator[None]:
    """While open, the frozen blocks are passed over and ``below`` (B, T, D) is what the first adapted one sees."""
    if below is None:
        yield
        return
    count, layers = frozen_blocks(backbone), blocks(backbone)
    stand_ins = [*map(StandIn, layers[: count - 1]), _Given(layers[count - 1], below)]
    with replaced(backbone, stand_ins + layers[count:]):
        yield


@contextmanager
def tapped(backbone: nn.Module) -> Iterator[list[mx.array]]:
    """While open, only the frozen blocks run; what comes out of them is appended to the list."""
    count, layers, found = frozen_blocks(backbone), blocks(backbone), list[mx.array]()
    with replaced(backbone, [*layers[: count - 1], _Tap(layers[count - 1], found), *map(StandIn, layers[count:])]):
        yield found


class _Given(StandIn):
    def __init__(self, block: nn.Module, states: mx.array) -> None:
        super().__init__(block)
        self._states = states

    def __call__(self, x: mx.array, *_: object, **__: object) -> mx.array:
        return self._states


class _Tap(StandIn):
    def __init__(self, block: nn.Module, found: list[mx.array]) -> None:
        super().__init__(block)
        self._found = found

    def __call__(self, x: mx.array, *args: object, **kwargs: object) -> mx.array:
        self._found.append(self.block(x, *args, **kwargs))
        return self._found[-1]
