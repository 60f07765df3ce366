"""Rewards of a batch: the prompt once, and every core busy.

MLX runs the elementwise work of one stream on one CPU core, so a batch is dealt to as many streams as there are cores.
"""

import os
from collections.abc import Hashable, Sequence

import mlx.core as mx
import numpy as np

from mlx_reward import packed, padded
from mlx_reward.bundles import Bundle, bundle, spread
from mlx_reward.frozen import FrozenStates
from mlx_reward.model import RewardNetwork


def lanes() -> list[mx.Stream]:
    """Streams to run a batch on: one a core on the CPU, the default one on a GPU, which keeps itself busy."""
    device = mx.default_device()
    if device != mx.Device(mx.cpu):
        return [mx.default_stream(device)]
    return [mx.new_stream(device) for _ in range(_cores())]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def rewards(
    model: RewardNetwork,
    texts: Sequence[list[int]],
    prompts: Sequence[Hashable],
    streams: Sequence[mx.Stream],
    below: FrozenStates | None = None,
) -> mx.array:
    """Rewards (N,) of ``texts``, in their order; those with the same entry in ``prompts`` share what they begin with.

    ``below`` holds what the frozen blocks make of them, where that is known. Differentiable: the backward pass of each
    part runs on its own stream too.
    """
    found: list[mx.array] = []
    parts = _parts(model, texts, prompts, streams)
    for part, stream in zip(parts, streams, strict=False):
        with mx.stream(stream):
            found.append((packed if model.packs else padded).rewards(model, texts, part, below))
    return mx.concatenate(found)[mx.array(np.argsort(_members(parts)))]


def states_below(
    model: RewardNetwork, texts: Sequence[list[int]], prompts: Sequence[Hashable], streams: Sequence[mx.Stream]
) -> mx.array:
    """(S, D) what the frozen blocks make of every token of ``texts``, one text after the other; prompts are shared."""
    found: list[mx.array] = []
    parts = _parts(model, texts, prompts, streams)
    for part, stream in zip(parts, streams, strict=False):
        with mx.stream(stream):
            found += (packed if model.packs else padded).states(model, texts, part)
    return mx.concatenate([found[i] for i in np.argsort(_members(parts))])


def _parts(
    model: RewardNetwork, texts: Sequence[list[int]], prompts: Sequence[Hashable], streams: Sequence[mx.Stream]
) -> list[list[Bundle]]:
    return spread(bundle(texts, prompts, model.shares_prefix), texts, len(streams))


def _members(parts: list[list[Bundle]]) -> list[int]:
    return [i for part in parts for b in part for i in b.members]
