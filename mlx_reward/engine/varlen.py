"""Prefix groups run without padding: how a CPU runs them, whose one large matmul beats many small
ones.
"""

from collections.abc import Sequence

import mlx.core as mx

from mlx_reward.engine.features import FrozenFeatures
from mlx_reward.engine.prefix_groups import PrefixGroup
from mlx_reward.engine.runner import Runner
from mlx_reward.engine.varlen_cache import VarlenCache
from mlx_reward.engine.varlen_layout import VarlenLayout, lay_out


def rewards(
    runner: Runner,
    texts: Sequence[list[int]],
    groups: list[PrefixGroup],
    features: FrozenFeatures | None,
) -> mx.array:
    """Return rewards (N,) of the texts of ``groups``, in the order of the groups.

    ``features``, where known: what the frozen blocks make of ``texts``.
    """
    layout = lay_out(groups, texts)
    injected = None
    if features is not None:
        injected = features.at(layout.sequence_ids, layout.position_ids)[:, None]  # S 1 D
    cache = VarlenCache(layout).for_layers(runner.network.backbone)
    hidden = runner.hidden_states(_tokens(layout, texts), cache, inject=injected)  # N 1 D
    return runner.network.head_rewards(hidden[:, 0])


def features(
    runner: Runner, texts: Sequence[list[int]], groups: list[PrefixGroup]
) -> list[mx.array]:
    """Return what the frozen blocks make of each text of ``groups``, (T, D), in their order."""
    layout = lay_out(groups, texts)
    cache = VarlenCache(layout).for_layers(runner.network.backbone)
    captured: list[mx.array] = []
    runner.hidden_states(_tokens(layout, texts), cache, capture=captured)
    states = captured[-1][:, 0]  # S D
    return [states[mx.array(indices)] for indices in layout.token_indices()]


def _tokens(layout: VarlenLayout, texts: Sequence[list[int]]) -> mx.array:
    return mx.array(layout.token_ids(texts))[:, None]  # S 1
