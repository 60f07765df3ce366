"""The hidden states above the frozen blocks: computed once, used in every epoch and later runs."""

from collections.abc import Sequence
from dataclasses import dataclass

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten
from numpy.typing import NDArray

from mlx_reward.backbones.blocks import blocks


@dataclass(frozen=True)
class FrozenFeatures:
    """``states`` (S, D): the hidden state of every token above the frozen blocks.

    ``starts`` (N,): where each text begins among the S tokens.
    """

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
        """Return (B, length, D) of texts from token ``start`` on.

        Behind the end of a text stands what follows it among the S tokens, as padding.
        """
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
