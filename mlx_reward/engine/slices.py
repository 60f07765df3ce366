"""One text on several cores: it is cut into slices, each of which runs on a stream of its own.

A slice attends to the keys and values of those before it, layer by layer, so that it runs a layer
behind them and not after them. Nothing but that travels from stream to stream.
"""

from collections.abc import Callable, Sequence

import mlx.core as mx
import numpy as np

from mlx_reward.engine.prefix_cache import PrefixCache, PrefixedCache
from mlx_reward.engine.runner import Runner

MIN_SLICE = 16  # tokens; fewer cost a core about as much, for it reads all weights


class SliceCache(PrefixedCache):
    """Puts the slices before it in front of one slice, and keeps them all for the next."""

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        self.keys, self.values = super().update_and_fetch(keys, values)
        return self.keys, self.values


def streams_of_each(texts: Sequence[list[int]], streams: list[mx.Stream]) -> list[list[mx.Stream]]:
    """Return the streams of each of ``texts``, equally many; none at all where the texts are too
    many or too short for two each.
    """
    share = min(len(streams) // max(len(texts), 1), min(map(len, texts), default=0) // MIN_SLICE)
    if share < 2:
        return []
    return [streams[share * n : share * (n + 1)] for n in range(len(texts))]


def read_last(
    runner: Runner,
    text: list[int],
    streams: list[mx.Stream],
    read: Callable[[mx.array], mx.array],
) -> mx.array:
    """Return what ``read`` makes of the last hidden state (1, D) of ``text``.

    A slice of the text runs on each of ``streams``.
    """
    ends = np.linspace(0, len(text), len(streams) + 1).astype(int).tolist()
    caches: list[PrefixCache] = []
    for start, stop, stream in zip(ends[:-1], ends[1:], streams, strict=True):
        with mx.stream(stream):
            caches = _caches_behind(caches, start, len(runner.network.backbone.layers))
            states = runner.hidden_states(mx.array([text[start:stop]]), caches)
            found = read(states[:, -1])
    return found


def _caches_behind(before: list[PrefixCache], start: int, layers: int) -> list[PrefixCache]:
    """Return a cache for each layer of a slice that begins at ``start``."""
    if start == 0:
        return [PrefixCache() for _ in range(layers)]
    return [SliceCache(cache, mx.array([0]), start) for cache in before]
