"""Blocks that stand in for an mlx_lm model's own while the architecture's own forward pass runs."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from mlx_reward.backbones.load import transformer


class Passthrough:
    """Has the attributes of a block (its kind of attention, say) and hands its input on."""

    def __init__(self, block: Any) -> None:
        self.block = block

    def __getattr__(self, name: str) -> Any:
        return getattr(self.block, name)

    def __call__(self, x: mx.array, *_: object, **__: object) -> mx.array:
        return x


class Checkpointed(Passthrough):
    """A block of which the backward pass keeps only the input, and runs it again (Chen et al. 2016, arXiv:1604.06174).

    ``within`` makes the context that the block runs in; by the time of the backward pass, the first one is closed.
    """

    def __init__(self, block: Any, within: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__(block)
        self.within = within

    def __call__(self, x: mx.array, *args: object, **kwargs: object) -> mx.array:
        stream = mx.default_stream(mx.default_device())

        def run(parameters: Any, x: mx.array) -> mx.array:
            self.block.update(parameters)
            with mx.stream(stream), self.within():
                found: mx.array = self.block(x, *args, **kwargs)
            return found

        found: mx.array = mx.checkpoint(run)(self.block.trainable_parameters(), x)
        return found


@contextmanager
def replaced(backbone: nn.Module, layers: list[Any]) -> Iterator[None]:
    """While open, ``layers`` are the blocks."""
    inner = transformer(backbone)
    kept, inner.layers = inner.layers, layers
    try:
        yield
    finally:
        inner.layers = kept
