"""The blocks of an mlx_lm model, some of them stood in for while the architecture's own forward pass runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from mlx_reward.backbone import transformer


def blocks(backbone: nn.Module) -> list[Any]:
    """First to last; empty where the architecture keeps them under another name than ``layers``."""
    found: list[Any] = getattr(transformer(backbone), "layers", [])
    return found


class StandIn:
    """Has the attributes of a block (its kind of attention, say) and hands its input on."""

    def __init__(self, block: Any) -> None:
        self.block = block

    def __getattr__(self, name: str) -> Any:
        return getattr(self.block, name)

    def __call__(self, x: mx.array, *_: object, **__: object) -> mx.array:
        return x


@contextmanager
def replaced(backbone: nn.Module, layers: list[Any]) -> Iterator[None]:
    """While open, ``layers`` are the blocks."""
    inner = transformer(backbone)
    kept, inner.layers = inner.layers, layers
    try:
        yield
    finally:
        inner.layers = kept
