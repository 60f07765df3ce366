"""mlx_lm's cache protocol, used to run a prompt once and let every continuation attend to it.

Gradients flow through: the continuations' loss reaches the adapters by way of the prompt's keys and values.
"""

from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import KVCache, RotatingKVCache, create_attention_mask, make_prompt_cache


class Recording:
    """Keeps the keys and values of G prompts of the same length."""

    offset = 0

    def __init__(self) -> None:
        self.keys: mx.array | None = None
        self.values: mx.array | None = None

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        self.keys, self.values = keys, values
        return keys, values


class Continuing:
    """Puts the recorded prompt of ``offset`` tokens before each of N continuations; ``rows`` (N,) names the prompt of each."""

    def __init__(self, recorded: Recording, rows: mx.array, offset: int) -> None:
        self.offset = offset
        if recorded.keys is not None and recorded.values is not None:  # else its block did not run, and will not
            self.keys, self.values = recorded.keys[rows], recorded.values[rows]

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        return mx.concatenate([self.keys, keys], axis=2), mx.concatenate([self.values, values], axis=2)

    def make_mask(self, length: int, return_array: bool = False, window_size: int | None = None) -> Any:
        return create_attention_mask(length, self.offset, return_array, window_size)


def can_share(backbone: nn.Module) -> bool:
    """Whether every layer is plain attention, whose cache holds keys and values of all tokens and nothing else."""
    caches: list[Any] = make_prompt_cache(backbone)
    return len(caches) == len(backbone.layers) and all(type(c) in (KVCache, RotatingKVCache) for c in caches)
