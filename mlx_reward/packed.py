"""Bundles of texts run packed, without padding: how a CPU runs them, whose one large matmul beats many small ones."""

from collections.abc import Sequence

import mlx.core as mx

from mlx_reward.bundles import Bundle
from mlx_reward.frozen import FrozenStates, tapped
from mlx_reward.layout import Layout, lay_out
from mlx_reward.model import RewardNetwork
from mlx_reward.packed_cache import PackedCache, ends_only


def rewards(model: RewardNetwork, texts: Sequence[list[int]], bundles: list[Bundle], below: FrozenStates | None) -> mx.array:
    """Rewards of the members of ``bundles``, in their order. ``below``: what the frozen blocks make of ``texts``."""
    layout = lay_out(bundles, texts)
    states = below.at(layout.owners, layout.positions)[:, None] if below else None
    with ends_only(model.backbone):
        hidden = model.hidden(_tokens(layout, texts), PackedCache(layout).for_layers(model.backbone), states)  # N 1 D
    return model.value(hidden[:, 0])


def states(model: RewardNetwork, texts: Sequence[list[int]], bundles: list[Bundle]) -> list[mx.array]:
    """(T, D) what the frozen blocks make of each member of ``bundles``, in their order."""
    layout = lay_out(bundles, texts)
    with tapped(model.backbone) as found:
        model.hidden(_tokens(layout, texts), PackedCache(layout).for_layers(model.backbone))
    return [found[-1][mx.array(rows), 0] for rows in layout.rows()]


def _tokens(layout: Layout, texts: Sequence[list[int]]) -> mx.array:
    return mx.array(layout.tokens(texts))[:, None]  # S 1
