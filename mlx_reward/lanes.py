"""Every core busy: MLX runs elementwise work of one stream on one CPU core, so a batch is split over as many streams."""

import os
from collections.abc import Sequence

import mlx.core as mx

from mlx_reward.comparisons import pad
from mlx_reward.model import RewardModel


def lanes() -> list[mx.Stream]:
    """Streams to run a batch on: one a core on the CPU, the default one on a GPU, which keeps itself busy."""
    device = mx.default_device()
    if device != mx.Device(mx.cpu):
        return [mx.default_stream(device)]
    return [mx.new_stream(device) for _ in range(_cores())]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def rewards(model: RewardModel, texts: Sequence[list[int]], streams: Sequence[mx.Stream]) -> mx.array:
    """Rewards (N,) of ``texts``, in their order; one part of similar lengths and equal work a stream.

    Differentiable: the backward pass of each part runs on its own stream too.
    """
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    parts = [_part(model, [texts[i] for i in part], s) for part, s in zip(split(order, texts, len(streams)), streams)]
    back = sorted(range(len(order)), key=order.__getitem__)
    return mx.concatenate(parts)[mx.array(back)]


def _part(model: RewardModel, texts: Sequence[list[int]], stream: mx.Stream) -> mx.array:
    tokens, lengths = pad(texts)
    with mx.stream(stream):
        return model(mx.array(tokens), mx.array(lengths))


def split(order: list[int], texts: Sequence[list[int]], parts: int) -> list[list[int]]:
    """``order`` (by length) cut into at most ``parts`` runs of about equal padded size, none empty."""
    total = sum(len(texts[i]) for i in order)
    runs: list[list[int]] = [[]]
    done = 0
    for i in order:
        if runs[-1] and len(runs) < parts and done + len(texts[i]) / 2 > total * len(runs) / parts:
            runs.append([])
        runs[-1].append(i)
        done += len(texts[i])
    return runs
