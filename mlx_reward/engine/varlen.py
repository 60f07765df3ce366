"""Texts run without padding: how a CPU runs them, whose one large matmul beats many small ones."""

from collections.abc import Sequence

import mlx.core as mx

from mlx_reward.engine.features import FrozenFeatures
from mlx_reward.engine.prefix_tree import SortedTexts, sort_texts
from mlx_reward.engine.runner import Runner
from mlx_reward.engine.varlen_cache import VarlenCache
from mlx_reward.engine.varlen_layout import VarlenLayout, lay_out

Texts = Sequence[list[int]]


def batches(runner: Runner, texts: Texts, tokens: int) -> list[list[int]]:
    """Return indices of ``texts`` in batches of at most ``tokens`` tokens to run."""
    return [run.text_ids for run in sort_texts(texts, runner.shares_prefix).runs(tokens)]


def parts(runner: Runner, texts: Texts, count: int) -> list[SortedTexts]:
    """Deal ``texts`` to at most ``count`` parts of about equal work."""
    return sort_texts(texts, runner.shares_prefix).parts(count)


def text_ids(part: SortedTexts) -> list[int]:
    """Return the indices of the part's texts, in the order of its results."""
    return part.text_ids


def last_states(
    runner: Runner, texts: Texts, part: SortedTexts, features: FrozenFeatures | None
) -> mx.array:
    """Return hidden states (N, D) of the last tokens of the texts of ``part``, in its order.

    ``features``, where known: what the frozen blocks make of ``texts``.
    """
    layout = lay_out(part, texts)
    injected = None
    if features is not None:
        injected = features.at(layout.sequence_ids, layout.position_ids)[:, None]  # S 1 D
    cache = VarlenCache(layout).for_layers(runner.network.backbone)
    hidden = runner.hidden_states(_tokens(layout, texts), cache, inject=injected)  # N 1 D
    return hidden[:, 0]


def features(runner: Runner, texts: Texts, part: SortedTexts) -> list[mx.array]:
    """Return what the frozen blocks make of each text of ``part``, (T, D), in its order."""
    layout = lay_out(part, texts)
    cache = VarlenCache(layout).for_layers(runner.network.backbone)
    captured: list[mx.array] = []
    runner.hidden_states(_tokens(layout, texts), cache, capture=captured)
    states = captured[-1][:, 0]  # S D
    return [states[mx.array(indices)] for indices in layout.token_indices()]


def _tokens(layout: VarlenLayout, texts: Texts) -> mx.array:
    return mx.array(layout.token_ids(texts))[:, None]  # S 1
