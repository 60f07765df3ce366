"""Prefix groups run as padded batches: how a GPU runs them, and every architecture that cannot run
without padding.
"""

from collections.abc import Sequence

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from mlx_reward.cpu.way import takes_cpu_way
from mlx_reward.engine.features import FrozenFeatures
from mlx_reward.engine.prefix_cache import PrefixCache, PrefixedCache
from mlx_reward.engine.prefix_groups import (
    PrefixGroup,
    balance,
    group_by_prefix,
    token_batches,
    with_one_prefix_length,
)
from mlx_reward.engine.runner import Runner
from mlx_reward.model.network import last_states as states_of_last
from mlx_reward.utils.grouping import group_indices

Texts = Sequence[list[int]]


def batches(runner: Runner, texts: Texts, tokens: int) -> list[list[int]]:
    """Return indices of ``texts`` in batches of about ``tokens`` tokens to run."""
    return token_batches(texts, tokens, runner.shares_prefix)


def parts(runner: Runner, texts: Texts, count: int) -> list[list[PrefixGroup]]:
    """Deal ``texts`` to at most ``count`` parts of about equal work."""
    return balance(group_by_prefix(texts, runner.shares_prefix), texts, count)


def text_ids(groups: list[PrefixGroup]) -> list[int]:
    """Return the indices of the groups' texts, in the order of their results."""
    return [text_id for group in groups for text_id in group.text_ids]


def last_states(
    runner: Runner, texts: Texts, groups: list[PrefixGroup], features: FrozenFeatures | None
) -> mx.array:
    """Return hidden states (N, D) of the last tokens of the texts of ``groups``, in their order.

    ``features``, where known: what the frozen blocks make of ``texts``.
    """
    passes = _passes(runner, groups)
    joined = mx.concatenate(
        [_batch_last_states(runner, texts, batch, features) for batch in passes]
    )
    place = {
        text_id: n for n, text_id in enumerate(text_ids([g for batch in passes for g in batch]))
    }
    return joined[mx.array([place[text_id] for text_id in text_ids(groups)])]


def features(runner: Runner, texts: Texts, groups: list[PrefixGroup]) -> list[mx.array]:
    """Return what the frozen blocks make of each text of ``groups``, (T, D), in their order."""
    found: dict[int, mx.array] = {}
    for batch in _passes(runner, groups):
        found |= _batch_features(runner, texts, batch)
    return [found[text_id] for text_id in text_ids(groups)]


def _passes(runner: Runner, groups: list[PrefixGroup]) -> list[list[PrefixGroup]]:
    """Put together what can run without padding the prefixes, for not every architecture masks them
    one by one.

    A text longer than the runner's ``position_limit`` runs alone, for padding would make its batch
    longer.
    """
    if not takes_cpu_way():
        groups = with_one_prefix_length(groups)
    limit = runner.capabilities.position_limit
    kinds = group_indices(
        (group.prefix_length, group.text_ids[0] if limit and group.longest > limit else None)
        for group in groups
    )
    return [[groups[i] for i in indices] for indices in kinds.values()]


def _batch_last_states(
    runner: Runner,
    texts: Texts,
    groups: list[PrefixGroup],
    features: FrozenFeatures | None,
) -> mx.array:
    own, prefix_length = text_ids(groups), groups[0].prefix_length
    suffixes, lengths = pad([texts[i][prefix_length:] for i in own])
    injected = None
    prefix_injected = None
    if features is not None:
        firsts = [group.text_ids[0] for group in groups]
        injected = features.padded(own, prefix_length, suffixes.shape[1])
        prefix_injected = features.padded(firsts, 0, prefix_length)
    cache = _prefixed_caches(runner, texts, groups, inject=prefix_injected)
    states = runner.hidden_states(mx.array(suffixes), cache, inject=injected)
    return states_of_last(states, mx.array(lengths))


def _batch_features(runner: Runner, texts: Texts, groups: list[PrefixGroup]) -> dict[int, mx.array]:
    own, prefix_length = text_ids(groups), groups[0].prefix_length
    suffixes, lengths = pad([texts[i][prefix_length:] for i in own])
    captured: list[
        mx.array
    ] = []  # a pass over the prefixes, if there are any, then one over the rest
    cache = _prefixed_caches(runner, texts, groups, capture=captured)
    runner.hidden_states(mx.array(suffixes), cache, capture=captured)
    suffix_states = captured[-1]  # N T D
    states = {i: suffix_states[n, : lengths[n]] for n, i in enumerate(own)}
    if prefix_length == 0:
        return states
    prefix_states = captured[0]  # G T D
    prefix_of = {i: prefix_states[row] for row, group in enumerate(groups) for i in group.text_ids}
    return {i: mx.concatenate([prefix_of[i], states[i]]) for i in own}


def _prefixed_caches(
    runner: Runner,
    texts: Texts,
    groups: list[PrefixGroup],
    inject: mx.array | None = None,
    capture: list[mx.array] | None = None,
) -> list[PrefixedCache] | None:
    """Run the prefix of each group once; return a cache for each layer that puts it before each of
    the group's texts.
    """
    prefix_length = groups[0].prefix_length
    if prefix_length == 0:
        return None
    prefixes = [PrefixCache() for _ in runner.network.backbone.layers]
    tokens = mx.array([texts[group.text_ids[0]][:prefix_length] for group in groups])
    runner.hidden_states(tokens, prefixes, inject=inject, capture=capture)
    rows = mx.array([row for row, group in enumerate(groups) for _ in group.text_ids])
    return [PrefixedCache(prefix, rows, prefix_length) for prefix in prefixes]


def pad(texts: Sequence[list[int]]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return right-padded (B, T) token ids, zeros behind each text, and the (B,) lengths."""
    lengths = np.array([len(t) for t in texts], dtype=np.int32)
    tokens = np.zeros((len(texts), int(lengths.max())), dtype=np.int32)
    for row, text in zip(tokens, texts, strict=True):
        row[: len(text)] = text
    return tokens, lengths
