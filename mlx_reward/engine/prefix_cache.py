"""mlx_lm's cache protocol, used to run a prefix once and let every text that begins with it attend
to it.

Gradients flow through: the loss of what follows reaches the adapters by way of the prefix's keys
and values.
"""

from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import KVCache, RotatingKVCache, create_attention_mask, make_prompt_cache

from mlx_reward.engine.block_roles import LayerCache


class PrefixCache(LayerCache):
    """Keeps the keys and values of G prefixes of the same length."""

    def __init__(self) -> None:
        self.keys: mx.array | None = None
        self.values: mx.array | None = None

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        self.keys, self.values = keys, values
        return keys, values


class PrefixedCache(PrefixCache):
    """Puts the kept prefix of ``offset`` tokens before each of N texts; ``rows`` (N,) names the
    prefix of each.
    """

    def __init__(self, prefixes: PrefixCache, rows: mx.array, offset: int) -> None:
        super().__init__()
        self.offset = offset
        if (
            prefixes.keys is not None and prefixes.values is not None
        ):  # else its block did not run, and will not
            self.keys, self.values = prefixes.keys[rows], prefixes.values[rows]

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        assert self.keys is not None
        assert self.values is not None
        all_keys = mx.concatenate([self.keys, keys], axis=2)
        all_values = mx.concatenate([self.values, values], axis=2)
        return all_keys, all_values

    def make_mask(
        self, length: int, return_array: bool = False, window_size: int | None = None
    ) -> Any:
        return create_attention_mask(length, self.offset, return_array, window_size)


def can_share_prefix(backbone: nn.Module) -> bool:
    """Tell whether every layer is plain attention, whose cache holds keys and values of all tokens
    and nothing else.
    """
    caches: list[Any] = make_prompt_cache(backbone)
    return len(caches) == len(backbone.layers) and all(
        type(c) in (KVCache, RotatingKVCache) for c in caches
    )
