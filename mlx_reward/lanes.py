"""Rewards of a batch: the prompt once, and every core busy.

MLX runs the elementwise work of one stream on one CPU core, so a batch is dealt to as many streams as there are cores.
"""

import os
from collections.abc import Hashable, Sequence

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from mlx_reward.bundles import Bundle, bundle, spread
from mlx_reward.frozen import FrozenStates, tapped
from mlx_reward.model import RewardNetwork
from mlx_reward.prefix_cache import Continuing, Recording

Below = FrozenStates | None


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
    below: Below = None,
) -> mx.array:
    """Rewards (N,) of ``texts``, in their order; those with the same entry in ``prompts`` share what they begin with.

    ``below`` holds what the frozen blocks make of them, where that is known. Differentiable: the backward pass of each
    part runs on its own stream too.
    """
    parts = spread(bundle(texts, prompts, model.shares_prefix), texts, len(streams))
    runs = [(run, stream) for part, stream in zip(parts, streams, strict=False) for run in _same_prefix_length(part)]
    found = [_run(model, texts, run, stream, below) for run, stream in runs]
    order = np.argsort([i for run, _ in runs for b in run for i in b.members])
    return mx.concatenate(found)[mx.array(order)]


def _same_prefix_length(bundles: list[Bundle]) -> list[list[Bundle]]:
    """Bundles that run together without padding their prompts, for not every architecture masks prompts one by one."""
    by_length: dict[int, list[Bundle]] = {}
    for b in bundles:
        by_length.setdefault(b.prefix, []).append(b)
    return list(by_length.values())


def _run(model: RewardNetwork, texts: Sequence[list[int]], bundles: list[Bundle], stream: mx.Stream, below: Below) -> mx.array:
    """Rewards of the members of ``bundles``, which have prefixes of one length, in their order."""
    prefix, firsts, members = bundles[0].prefix, [b.members[0] for b in bundles], [i for b in bundles for i in b.members]
    tokens, lengths = map(mx.array, pad([texts[i][prefix:] for i in members]))
    with mx.stream(stream):
        states = below.of(members, prefix, tokens.shape[1]) if below else None
        if prefix == 0:
            return model(tokens, lengths, below=states)
        recorded = [Recording() for _ in model.backbone.layers]
        model.hidden(mx.array([texts[i][:prefix] for i in firsts]), recorded, below.of(firsts, 0, prefix) if below else None)
        rows = mx.array([row for row, b in enumerate(bundles) for _ in b.members])
        return model(tokens, lengths, [Continuing(r, rows, prefix) for r in recorded], states)


def states_below(
    model: RewardNetwork, texts: Sequence[list[int]], prompts: Sequence[Hashable], streams: Sequence[mx.Stream]
) -> mx.array:
    """(S, D) what the frozen blocks make of every token of ``texts``, one text after the other; prompts are shared."""
    parts = spread(bundle(texts, prompts, model.shares_prefix), texts, len(streams))
    found: dict[int, mx.array] = {}
    for part, stream in zip(parts, streams, strict=False):
        for run in _same_prefix_length(part):
            found |= _run_below(model, texts, run, stream)
    return mx.concatenate([found[i] for i in range(len(texts))])


def _run_below(
    model: RewardNetwork, texts: Sequence[list[int]], bundles: list[Bundle], stream: mx.Stream
) -> dict[int, mx.array]:
    prefix, members = bundles[0].prefix, [i for b in bundles for i in b.members]
    rows = [row for row, b in enumerate(bundles) for _ in b.members]
    tokens, lengths = pad([texts[i][prefix:] for i in members])
    with mx.stream(stream), tapped(model.backbone) as states:
        recorded = [Recording() for _ in model.backbone.layers]
        if prefix:
            model.hidden(mx.array([texts[b.members[0]][:prefix] for b in bundles]), recorded)
        cache = [Continuing(r, mx.array(rows), prefix) for r in recorded] if prefix else None
        model.hidden(mx.array(tokens), cache)
        parts = [[states[0][row]] if prefix else [] for row in rows]
        return {
            i: mx.concatenate([*part, states[-1][place, : lengths[place]]])
            for place, (i, part) in enumerate(zip(members, parts, strict=True))
        }


def pad(texts: Sequence[list[int]]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Right-padded (B, T) token ids, zeros behind each text, and the (B,) lengths."""
    lengths = np.array([len(t) for t in texts], dtype=np.int32)
    tokens = np.zeros((len(texts), int(lengths.max())), dtype=np.int32)
    for row, text in zip(tokens, texts, strict=True):
        row[: len(text)] = text
    return tokens, lengths
