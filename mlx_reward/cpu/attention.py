"""Attention for the CPU, with its own backward pass.

Scores are held with the keys down the columns, for MLX reduces down columns several times faster
than along rows.
"""

from dataclasses import dataclass
from typing import Any

import mlx.core as mx
from mlx_lm.models import base

from mlx_reward.cpu.activations import exp_nonpositive


@dataclass(frozen=True)
class Window:
    """A mask that only the cache can spell out: causal, over the last ``size`` tokens or all."""

    size: int | None


def attention(
    queries: mx.array,
    keys: mx.array,
    values: mx.array,
    cache: Any,
    scale: float,
    mask: mx.array | str | Window | None,
    sinks: mx.array | None = None,
) -> mx.array:
    """softmax(scale * Q K^T + mask) V with grouped heads: queries (B, H, L, D), keys and values (B,
    K, S, D), H = n K.

    Takes the place of mlx_lm's ``scaled_dot_product_attention``, to which it leaves attention
    sinks.
    """
    if sinks is not None or hasattr(cache, "bits"):  # mlx_lm's own sinks and quantized caches
        theirs: Any = base.scaled_dot_product_attention
        result: mx.array = theirs(queries, keys, values, cache, scale=scale, mask=mask, sinks=sinks)
        return result
    if isinstance(mask, Window):
        seen: mx.array = cache.attend(queries, keys, values, scale, mask)
        return seen
    batch, heads, length, _ = queries.shape
    groups, span = keys.shape[1], keys.shape[2]
    folded = (queries * scale).reshape(
        batch, groups, heads // groups * length, -1
    )  # one matmul for each key head
    return attend(folded, keys, values, _columns(mask, length, span, heads // groups)).reshape(
        batch, heads, length, -1
    )


def attend(queries: mx.array, keys: mx.array, values: mx.array, mask: mx.array) -> mx.array:
    """softmax(Q K^T + mask^T) V: queries (..., R, D), keys and values (..., S, D), mask (..., S,
    R).
    """
    mixed: mx.array = _attend(queries, keys, values, mask)[0]
    return mixed


def _mix(
    queries: mx.array, keys: mx.array, values: mx.array, mask: mx.array
) -> tuple[mx.array, mx.array, mx.array]:
    """The result, and for the backward pass the weights (..., S, R) before and the sums (..., 1, R)
    by which to divide them.
    """
    scores = keys @ queries.swapaxes(-1, -2) + mask  # ... S R
    weights = exp_nonpositive(scores - scores.max(axis=-2, keepdims=True))
    sums = weights.sum(axis=-2, keepdims=True)
    return (weights.swapaxes(-1, -2) @ values) / sums.swapaxes(-1, -2), weights, sums


_attend: Any = mx.custom_function(_mix)


@_attend.vjp  # type: ignore[untyped-decorator]  # MLX gives it no type
def _attend_vjp(
    primals: list[mx.array], cotangents: list[mx.array], outputs: list[mx.array]
) -> tuple[mx.array, ...]:
    """Dao et al. 2022 (FlashAttention), appendix B.2: the sum over keys that softmax's gradient
    needs is one over D.
    """
    (queries, keys, values, mask), (mixed, weights, sums) = primals, outputs
    above = (cotangents[0] * mixed).sum(axis=-1)[..., None, :]  # ... 1 R
    shared = cotangents[0] / sums.swapaxes(-1, -2)  # the division, where it is smallest
    scores = weights * (values @ shared.swapaxes(-1, -2) - above / sums)
    return scores.swapaxes(-1, -2) @ keys, scores @ queries, weights @ shared, mx.zeros_like(mask)


def _columns(mask: mx.array | str | None, length: int, span: int, repeats: int) -> mx.array:
    """``mask`` as numbers (..., S, n L) to add to scores."""
    if mask is None:
        return mx.zeros((1, 1))
    if isinstance(mask, str):  # "causal", aligned to the last key
        mask = mx.arange(span - length, span)[:, None] >= mx.arange(span)
    if mask.dtype == mx.bool_:
        mask = (mask.astype(mx.float32) - 1.0) * 1e30
    return mx.concatenate([mask.swapaxes(-1, -2)] * repeats, axis=-1)
