"""mlx_lm's cache protocol, used to run texts of any lengths without padding, as S batch rows of one
token each.

All but attention works token by token, so the architecture's own code needs no change: positions
reach it as from mlx_lm's batched caches, an offset a row; attention (mlx_reward/cpu/attention.py)
asks the cache which tokens see which. Gradients flow through.
"""

import copy
from collections.abc import Callable
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from mlx_reward.cpu.attention import Window, attend
from mlx_reward.engine.block_roles import LayerCache
from mlx_reward.engine.prefix_tree import MIN_SAVED, sort_texts
from mlx_reward.engine.varlen_layout import VarlenLayout, lay_out
from mlx_reward.utils.errors import first_line

MASKED = np.float32(-1e30)  # added to the score of a key that a query may not see


class VarlenCache(LayerCache):
    """Stands in for the cache of a layer: each token attends to those that it may see."""

    def __init__(self, layout: VarlenLayout) -> None:
        self.layout = layout
        self.offset = mx.array(
            layout.position_ids
        )  # (S,), which mlx_lm's rotary embeddings take for each row
        self.keys_and_values: tuple[mx.array, mx.array] | None = None
        # (chunk, how many of its last tokens are queries)
        self._queries = [(number, chunk.length) for number, chunk in enumerate(layout.chunks)]
        self._chunk_ends = layout.cu_seqlens[1:-1].tolist()
        self._masks: dict[tuple[int, int, int, int | None], mx.array] = {}

    def for_layers(self, backbone: nn.Module) -> list[Any]:
        """Return the list of caches that an mlx_lm model takes, which share their masks."""
        return [copy.copy(self) for _ in backbone.layers]

    def last_token_cache(self) -> "LastTokenCache":
        """Return a cache for a second run of the block, in which only last tokens are queries."""
        return LastTokenCache(self.layout, self.keys_and_values)

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        self.keys_and_values = keys, values
        return self.keys_and_values

    def make_mask(
        self, _: int, return_array: bool = False, window_size: int | None = None
    ) -> Window:
        return Window(window_size)

    def attend(
        self, queries: mx.array, keys: mx.array, values: mx.array, scale: float, mask: Window
    ) -> mx.array:
        """Return (Q, H, 1, D) from queries (Q, H, 1, D), keys and values (S, K, 1, D), with H = n
        K.

        Chunk by chunk: its queries see the keys of its context, and of itself those up to each
        query.
        """
        size, heads, _, width = queries.shape
        groups = keys.shape[1]
        repeats = heads // groups
        query_ends = np.cumsum([length for _, length in self._queries])[:-1].tolist()
        grouped = (
            (queries * scale).reshape(size, groups, repeats, width).transpose(1, 2, 0, 3)
        )  # K n Q D
        chunk_queries = mx.split(grouped, query_ends, axis=2)
        chunk_keys = mx.split(keys[:, :, 0].swapaxes(0, 1), self._chunk_ends, axis=1)  # K S D
        chunk_values = mx.split(values[:, :, 0].swapaxes(0, 1), self._chunk_ends, axis=1)
        outputs = []
        for query, (number, length) in zip(chunk_queries, self._queries, strict=True):
            visible = [*self.layout.chunks[number].context, number]
            key = mx.concatenate([chunk_keys[n] for n in visible], axis=1)  # K T D
            value = mx.concatenate([chunk_values[n] for n in visible], axis=1)
            bias = self._mask(length, key.shape[1], repeats, mask.size)
            mixed = attend(query.reshape(groups, -1, width), key, value, bias)  # K nL D
            outputs.append(mixed.reshape(heads, length, -1))
        return mx.concatenate(outputs, axis=1).swapaxes(0, 1)[:, :, None]

    def _mask(self, length: int, span: int, repeats: int, window: int | None) -> mx.array:
        """Return (span, repeats * length) to add to the scores of the last ``length`` of ``span``
        tokens.

        Made once for all layers.
        """
        key = (length, span, repeats, window)
        if key not in self._masks:
            distance = (
                np.arange(span - length, span) - np.arange(span)[:, None]
            )  # from a key (row) on to a query
            masked = (distance < 0) | (distance >= (window or span))
            self._masks[key] = mx.array(np.tile(np.where(masked, MASKED, np.float32(0)), repeats))
        return self._masks[key]


class LastTokenCache(VarlenCache):
    """For the last block: only the last token of each text is a query, over all tokens'
    ``keys_and_values``.
    """

    def __init__(
        self, layout: VarlenLayout, keys_and_values: tuple[mx.array, mx.array] | None
    ) -> None:
        super().__init__(layout)
        self.offset = self.offset[mx.array(layout.last_token_indices)]  # (N,)
        self.keys_and_values = keys_and_values
        self._queries = [(number, 1) for number in layout.last_chunks]

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        return self.keys_and_values or (keys, values)


def varlen_obstacle(
    last_states: Callable[[mx.array, VarlenCache | None], mx.array],
    cannot: tuple[type[Exception], ...],
) -> str | None:
    """Return why an architecture cannot run without padding; None where two texts that begin alike
    get the same states as one by one.

    Tried rather than listed: some have attention that does not ask the cache, or layers that mix
    tokens in another way. ``last_states`` gives the last tokens' states (N, 1, D) if there is a
    cache, and all tokens' otherwise; ``cannot`` are the errors by which an architecture shows that
    it cannot.
    """
    prefix = list(range(1, MIN_SAVED + 1))  # as long as it takes to be shared
    texts = [[*prefix, 4, 5, 6, 7], [*prefix, 8, 9]]
    layout = lay_out(sort_texts(texts), texts)
    alone = mx.stack([last_states(mx.array([text]), None)[0, -1] for text in texts])
    try:
        together = last_states(mx.array(layout.token_ids(texts))[:, None], VarlenCache(layout))
        difference = mx.abs(together[:, 0] - alone).max().item()
        if mx.allclose(together[:, 0], alone, rtol=1e-3, atol=1e-4).item() is True:
            return None
    except cannot as error:
        return f"its blocks cannot run without ({type(error).__name__}: {first_line(error)})"
    return f"hidden states without differ by {difference:.2g}"
