"""mlx_lm's cache protocol, used to run texts of any lengths as S batch rows of one token each.

All but attention works token by token, so the architecture's own code needs no change: positions reach it as from mlx_lm's
batched caches, an offset a row; attention (``fast_attention``) asks the cache which tokens see which. Gradients flow through.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from mlx_reward.blocks import StandIn, blocks, replaced
from mlx_reward.bundles import Bundle
from mlx_reward.fast_attention import Window, attend
from mlx_reward.layout import Layout, lay_out


class PackedCache:
    """Stands in for the cache of every layer: each token asks those that it may see."""

    def __init__(self, layout: Layout) -> None:
        self.offset = mx.array(layout.positions)  # (S,)
        self.layout = layout
        self.told: tuple[mx.array, mx.array] | None = None
        self._cuts = layout.behind[:-1].tolist()
        self._asking = [(number, block.length) for number, block in enumerate(layout.blocks)]
        self._masks: dict[tuple[int, int, int, int | None], mx.array] = {}

    def for_layers(self, backbone: nn.Module) -> list[Any]:
        """The list of caches that an mlx_lm model takes."""
        return [self] * len(backbone.layers)

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        self.told = keys, values
        return self.told

    def make_mask(self, _: int, return_array: bool = False, window_size: int | None = None) -> Window:
        return Window(window_size)

    def attend(self, queries: mx.array, keys: mx.array, values: mx.array, scale: float, mask: Window) -> mx.array:
        """(Q, H, 1, D) from queries (Q, H, 1, D), keys and values (S, K, 1, D), with H = n K."""
        size, heads, _, width = queries.shape
        groups = keys.shape[1]
        lengths = [length for _, length in self._asking]
        q = (queries * scale).reshape(size, groups, heads // groups, width).transpose(1, 2, 0, 3)  # K n Q D
        q, k, v = (
            mx.split(x, cuts, axis=axis)
            for x, cuts, axis in (
                (q, np.cumsum(lengths)[:-1].tolist(), 2),
                (keys[:, :, 0].swapaxes(0, 1), self._cuts, 1),  # K S D
                (values[:, :, 0].swapaxes(0, 1), self._cuts, 1),
            )
        )
        found = []
        for asked, (number, length) in zip(q, self._asking, strict=True):
            seen = [*self.layout.blocks[number].before, number]
            known, told = (mx.concatenate([x[j] for j in seen], axis=1) for x in (k, v))  # K T D
            hidden = self._mask(length, known.shape[1], heads // groups, mask.size)
            mixed = attend(asked.reshape(groups, -1, width), known, told, hidden)  # K nL D
            found.append(mixed.reshape(heads, length, -1))
        return mx.concatenate(found, axis=1).swapaxes(0, 1)[:, :, None]

    def _mask(self, length: int, span: int, repeats: int, window: int | None) -> mx.array:
        """(span, repeats * length) to add to the scores of the last ``length`` of ``span`` tokens; made once for all layers."""
        key = (length, span, repeats, window)
        if key not in self._masks:
            apart = np.arange(span - length, span) - np.arange(span)[:, None]
            hidden = (apart < 0) | (apart >= (window or span))
            self._masks[key] = mx.array(np.tile(np.where(hidden, np.float32(-1e30), np.float32(0)), repeats))
        return self._masks[key]


class EndsCache(PackedCache):
    """For the last block: only the last token of each text asks, those that ``told`` its keys and values."""

    def __init__(self, layout: Layout, told: tuple[mx.array, mx.array] | None) -> None:
        super().__init__(layout)
        self.offset = self.offset[mx.array(layout.last)]  # (N,)
        self.told = told
        self._asking = [(number, 1) for number in layout.ends]

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        return self.told or (keys, values)


class _Last(StandIn):
    """The last block, of which only the last tokens' states are wanted: the others do no more than tell keys and values."""

    def __call__(self, x: mx.array, *args: object, **kwargs: object) -> mx.array:
        cache = next(a for a in (*args, *kwargs.values()) if isinstance(a, PackedCache))
        self.block(x, *args, **kwargs)  # lazily: of this, keys and values alone are ever computed
        ends = EndsCache(cache.layout, cache.told)
        found: mx.array = self.block(
            x[mx.array(cache.layout.last)],
            *(ends if a is cache else a for a in args),
            **{name: ends if a is cache else a for name, a in kwargs.items()},
        )
        return found


@contextmanager
def ends_only(backbone: nn.Module) -> Iterator[None]:
    """While open, a packed forward pass gives (N, 1, D), the states of the last token of each text."""
    layers = blocks(backbone)
    with replaced(backbone, [*layers[:-1], _Last(layers[-1])]):
        yield


def can_pack(hidden: Callable[[mx.array, PackedCache | None], mx.array]) -> bool:
    """Whether an architecture gives two texts that begin alike the same hidden states packed as one by one.

    Tried rather than listed: some have attention that does not ask the cache, or layers that mix tokens in another way.
    ``hidden`` gives the last tokens' states (N, 1, D) if there is a cache, and all otherwise.
    """
    texts = [[1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 8, 9]]
    layout = lay_out([Bundle([0, 1], 3, 7)], texts)
    plain = [hidden(mx.array([text]), None)[0, -1] for text in texts]
    try:
        packed = hidden(mx.array(layout.tokens(texts))[:, None], PackedCache(layout))
        return mx.allclose(packed[:, 0], mx.stack(plain), rtol=1e-3, atol=1e-4).item() is True
    except (TypeError, ValueError, AttributeError, IndexError, StopIteration):
        return False
