"""Bundles of texts run padded: how a GPU runs them, and every architecture that cannot run them packed."""

from collections.abc import Sequence

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from mlx_reward.bundles import Bundle
from mlx_reward.frozen import FrozenStates, tapped
from mlx_reward.model import RewardNetwork
from mlx_reward.prefix_cache import Continuing, Recording


def rewards(model: RewardNetwork, texts: Sequence[list[int]], bundles: list[Bundle], below: FrozenStates | None) -> mx.array:
    """Rewards of the members of ``bundles``, in their order. ``below``: what the frozen blocks make of ``texts``."""
    runs = _same_prefix_length(bundles)
    found = mx.concatenate([_rewards(model, texts, run, below) for run in runs])
    place = {i: n for n, i in enumerate(i for run in runs for b in run for i in b.members)}
    return found[mx.array([place[i] for b in bundles for i in b.members])]


def states(model: RewardNetwork, texts: Sequence[list[int]], bundles: list[Bundle]) -> list[mx.array]:
    """(T, D) what the frozen blocks make of each member of ``bundles``, in their order."""
    found: dict[int, mx.array] = {}
    for run in _same_prefix_length(bundles):
        found |= _states(model, texts, run)
    return [found[i] for b in bundles for i in b.members]


def _same_prefix_length(bundles: list[Bundle]) -> list[list[Bundle]]:
    """Bundles that run together without padding their prompts, for not every architecture masks prompts one by one."""
    by_length: dict[int, list[Bundle]] = {}
    for b in bundles:
        by_length.setdefault(b.prefix, []).append(b)
    return list(by_length.values())


def _rewards(model: RewardNetwork, texts: Sequence[list[int]], bundles: list[Bundle], below: FrozenStates | None) -> mx.array:
    prefix, firsts, members = bundles[0].prefix, [b.members[0] for b in bundles], [i for b in bundles for i in b.members]
    tokens, lengths = map(mx.array, pad([texts[i][prefix:] for i in members]))
    known = below.of(members, prefix, tokens.shape[1]) if below else None
    if prefix == 0:
        return model(tokens, lengths, below=known)
    recorded = [Recording() for _ in model.backbone.layers]
    model.hidden(mx.array([texts[i][:prefix] for i in firsts]), recorded, below.of(firsts, 0, prefix) if below else None)
    rows = mx.array([row for row, b in enumerate(bundles) for _ in b.members])
    return model(tokens, lengths, [Continuing(r, rows, prefix) for r in recorded], known)


def _states(model: RewardNetwork, texts: Sequence[list[int]], bundles: list[Bundle]) -> dict[int, mx.array]:
    prefix, members = bundles[0].prefix, [i for b in bundles for i in b.members]
    rows = [row for row, b in enumerate(bundles) for _ in b.members]
    tokens, lengths = pad([texts[i][prefix:] for i in members])
    with tapped(model.backbone) as found:
        recorded = [Recording() for _ in model.backbone.layers]
        if prefix:
            model.hidden(mx.array([texts[b.members[0]][:prefix] for b in bundles]), recorded)
        cache = [Continuing(r, mx.array(rows), prefix) for r in recorded] if prefix else None
        model.hidden(mx.array(tokens), cache)
        parts = [[found[0][row]] if prefix else [] for row in rows]
        return {
            i: mx.concatenate([*part, found[-1][place, : lengths[place]]])
            for place, (i, part) in enumerate(zip(members, parts, strict=True))
        }


def pad(texts: Sequence[list[int]]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Right-padded (B, T) token ids, zeros behind each text, and the (B,) lengths."""
    lengths = np.array([len(t) for t in texts], dtype=np.int32)
    tokens = np.zeros((len(texts), int(lengths.max())), dtype=np.int32)
    for row, text in zip(tokens, texts, strict=True):
        row[: len(text)] = text
    return tokens, lengths
