"""The hidden states above the frozen blocks: computed once, used in every epoch and later runs.

The blocks above run unchanged inside the architecture's own forward pass: while they do, the frozen ones are stood in for
by blocks that hand over the stored states.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten
from numpy.typing import NDArray

from mlx_reward.backbones.blocks import blocks
from mlx_reward.engine.passthrough import Passthrough, replaced


@dataclass(frozen=True)
class FrozenFeatures:
    """``states`` (S, D): the hidden state of every token above the frozen blocks; ``starts`` (N,): where each text begins."""

    states: mx.array
    starts: NDArray[np.int64]

    @classmethod
    def of_texts(cls, states: mx.array, texts: Sequence[Sequence[int]]) -> "FrozenFeatures":
        """Wrap ``states`` (S, D) of the tokens of ``texts``, one text after the other."""
        return cls(states, np.cumsum([0, *map(len, texts)], dtype=np.int64)[:-1])

    def take(self, text_ids: Sequence[int]) -> "FrozenFeatures":
        """Return those of some of the texts, which count from 0 again."""
        return FrozenFeatures(self.states, self.starts[list(text_ids)])

    def padded(self, text_ids: Sequence[int], start: int, length: int) -> mx.array:
        """Return (B, length, D) of texts from token ``start`` on; behind a text's end stands what follows it, as padding."""
        rows = self.starts[list(text_ids)][:, None] + start + np.arange(length)
        return self.states[mx.array(np.minimum(rows, len(self.states) - 1))]

    def at(self, sequence_ids: NDArray[np.int64], position_ids: NDArray[np.int64]) -> mx.array:
        """Return (S, D) of single tokens, named by text and position."""
        return self.states[mx.array(self.starts[sequence_ids] + position_ids)]


def frozen_blocks(backbone: nn.Module) -> int:
    """Return how many blocks from the first on hold nothing that is trained."""
    layers = blocks(backbone)
    trained = [i for i, block in enumerate(layers) if tree_flatten(block.trainable_parameters())]
    return min(trained, default=len(layers))


@contextmanager
def inject(backbone: nn.Module, features: mx.array | None) -> Iterator[None]:
    """While open, the frozen blocks are passed over and ``features`` (B, T, D) is what the first adapted one sees."""
    if features is None:
        yield
        return
    count, layers = frozen_blocks(backbone), blocks(backbone)
    stand_ins = [*map(Passthrough, layers[: count - 1]), _Inject(layers[count - 1], features)]
    with replaced(backbone, stand_ins + layers[count:]):
        yield


@contextmanager
def capture(backbone: nn.Module) -> Iterator[list[mx.array]]:
    """While open, only the frozen blocks run; what comes out of them is appended to the list, once a pass."""
    count, layers, captured = frozen_blocks(backbone), blocks(backbone), list[mx.array]()
    last_frozen = _Capture(layers[count - 1], captured)
    with replaced(backbone, [*layers[: count - 1], last_frozen, *map(Passthrough, layers[count:])]):
        yield captured


class _Inject(Passthrough):
    def __init__(self, block: nn.Module, states: mx.array) -> None:
        super().__init__(block)
        self._states = states

    def __call__(self, x: mx.array, *_: object, **__: object) -> mx.array:
        return self._states


class _Capture(Passthrough):
    def __init__(self, block: nn.Module, captured: list[mx.array]) -> None:
        super().__init__(block)
        self._captured = captured

    def __call__(self, x: mx.array, *args: object, **kwargs: object) -> mx.array:
        self._captured.append(self.block(x, *args, **kwargs))
        return self._captured[-1]
