"""What the frozen blocks below the first adapter make of each text: computed once, used in every epoch and later runs.

The blocks above run unchanged inside the architecture's own forward pass: while they do, the frozen ones are stood in for
by blocks that hand over the stored hidden states.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.tuner.lora import LoRALinear
from numpy.typing import NDArray

from mlx_reward.backbone import transformer


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


def frozen_blocks(backbone: nn.Module) -> int:
    """How many blocks from the first on hold no adapter; 0 where the architecture keeps its blocks elsewhere."""
    layers = getattr(transformer(backbone), "layers", [])
    adapted = [i for i, block in enumerate(layers) if any(isinstance(m, LoRALinear) for _, m in block.named_modules())]
    return min(adapted, default=len(layers))


@contextmanager
def given(backbone: nn.Module, below: mx.array | None) -> Iterator[None]:
    """While open, the frozen blocks are passed over and ``below`` (B, T, D) is what the first adapted one sees."""
    if below is None:
        yield
        return
    count = frozen_blocks(backbone)
    layers = transformer(backbone).layers
    stand_ins = [_StandIn(block, None) for block in layers[: count - 1]] + [_StandIn(layers[count - 1], below)]
    with _replaced(transformer(backbone), stand_ins + layers[count:]):
        yield


@contextmanager
def tapped(backbone: nn.Module) -> Iterator[list[mx.array]]:
    """While open, only the frozen blocks run; what comes out of them is appended to the list."""
    count, found = frozen_blocks(backbone), list[mx.array]()
    layers = transformer(backbone).layers
    above = [_StandIn(block, None) for block in layers[count:]]
    with _replaced(transformer(backbone), [*layers[: count - 1], _Tap(layers[count - 1], found), *above]):
        yield found


class _StandIn:
    """Has the attributes of a block (its kind of attention, say) and hands on what it is given, or else its input."""

    def __init__(self, block: nn.Module, given: mx.array | None) -> None:
        self._block, self._given = block, given

    def __getattr__(self, name: str) -> Any:
        return getattr(self._block, name)

    def __call__(self, x: mx.array, *_: object, **__: object) -> mx.array:
        return x if self._given is None else self._given


class _Tap(_StandIn):
    def __init__(self, block: nn.Module, found: list[mx.array]) -> None:
        super().__init__(block, None)
        self._found = found

    def __call__(self, x: mx.array, *args: object, **kwargs: object) -> mx.array:
        self._found.append(self._block(x, *args, **kwargs))
        return self._found[-1]


@contextmanager
def _replaced(inner: Any, layers: list[Any]) -> Iterator[None]:
    kept = inner.layers
    inner.layers = layers
    try:
        yield
    finally:
        inner.layers = kept
