"""Softmax and SwiGLU for the CPU, in plain vectorised operations: there MLX's own exponential runs one element at a time.

Each has its own backward pass, so that autograd does not walk through the polynomials.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mlx.core as mx
import mlx.nn as nn

# 2**f on [-0.5, 0.5], least relative squares at Chebyshev nodes; range reduction as in Cody & Waite 1980, chapter 6.
_EXP2 = (1.533757684e-04, 1.339986036e-03, 9.618519534e-03, 5.550328998e-02, 2.402264661e-01, 6.931472056e-01, 1.0)
_LOG2_E = 1.4426950408889634
_ROUND = 12582912.0  # 1.5 * 2**23: adding it to a float32 leaves the nearest integer in the low bits
_LOWEST = -127.0  # rounds to the exponent whose bits are those of 0.0, so that no subnormal number slows the matmuls


def exp_nonpositive(x: mx.array) -> mx.array:
    """exp(x) for float32 x <= 0, within 3e-7 relative; 0 below -88."""
    y = mx.maximum(x * _LOG2_E, _LOWEST)
    shifted = y + _ROUND
    fraction = y - (shifted - _ROUND)
    power = mx.view(mx.left_shift(mx.view(shifted, mx.int32), 23) + (127 << 23), mx.float32)
    result = mx.array(_EXP2[0])
    for coefficient in _EXP2[1:]:
        result = result * fraction + coefficient
    return result * power


def _softmax(scores: mx.array) -> mx.array:
    """Softmax of float32 ``scores`` over the last axis."""
    weights = exp_nonpositive(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


softmax: Any = mx.custom_function(_softmax)


@softmax.vjp  # type: ignore[untyped-decorator]  # MLX gives it no type
def _softmax_vjp(scores: mx.array, cotangent: mx.array, output: mx.array) -> mx.array:
    weighted = cotangent * output
    return weighted - output * weighted.sum(axis=-1, keepdims=True)


def sigmoid(x: mx.array) -> mx.array:
    """1 / (1 + exp(-x)) for float32 x, without overflow on either side."""
    small = exp_nonpositive(-mx.abs(x))
    positive = (x >= 0).astype(mx.float32)  # arithmetic, for mx.where runs one element at a time too
    return (small + positive * (1.0 - small)) / (1.0 + small)


def _swiglu_and_gate(gate: mx.array, x: mx.array) -> tuple[mx.array, mx.array]:
    open_ = sigmoid(gate)
    return gate * open_ * x, open_


_swiglu: Any = mx.custom_function(_swiglu_and_gate)


@_swiglu.vjp  # type: ignore[untyped-decorator]  # as above
def _swiglu_vjp(
    primals: tuple[mx.array, mx.array], cotangents: tuple[mx.array, mx.array], outputs: tuple[mx.array, mx.array]
) -> tuple[mx.array, mx.array]:
    (gate, x), open_ = primals, outputs[1]
    silu = gate * open_
    return cotangents[0] * x * (open_ + silu * (1.0 - open_)), cotangents[0] * silu


def swiglu(gate: mx.array, x: mx.array) -> mx.array:
    """silu(gate) * x (Shazeer 2020, "GLU Variants Improve Transformer")."""
    product: mx.array = _swiglu(gate, x)[0]
    return product


def attention(
    queries: mx.array, keys: mx.array, values: mx.array, cache: object, scale: float, mask: mx.array | str | None
) -> mx.array:
    """softmax(scale * Q K^T + mask) V with grouped heads: queries (B, H, L, D), keys and values (B, K, S, D), H = n K.

    Takes the place of mlx_lm's ``scaled_dot_product_attention``; the queries of one key head run as one matmul.
    """
    batch, heads, length, _ = queries.shape
    groups, span = keys.shape[1], keys.shape[2]
    folded = (queries * scale).reshape(batch, groups, heads // groups * length, -1)
    scores = (folded @ keys.swapaxes(-1, -2)).reshape(batch, heads, length, span)
    weights = softmax(_masked(scores, mask)).reshape(batch, groups, heads // groups * length, span)
    mixed: mx.array = weights @ values
    return mixed.reshape(batch, heads, length, -1)


def _masked(scores: mx.array, mask: mx.array | str | None) -> mx.array:
    if mask is None:
        return scores
    if isinstance(mask, str):  # "causal", aligned to the last key
        length, span = scores.shape[-2:]
        mask = mx.arange(span - length, span)[:, None] >= mx.arange(span)
    if mask.dtype == mx.bool_:
        mask = (mask.astype(mx.float32) - 1.0) * 1e30
    return scores + mask


@contextmanager
def on_cpu(model: nn.Module) -> Iterator[None]:
    """While open, the mlx_lm module that defines ``model`` takes softmax and SwiGLU from here, on the CPU only."""
    module = sys.modules[type(model).__module__]
    ours = {"scaled_dot_product_attention": attention, "swiglu": swiglu} if mx.default_device() == mx.cpu else {}
    theirs = {name: getattr(module, name) for name in ours if hasattr(module, name)}
    try:
        for name in theirs:
            setattr(module, name, ours[name])
        yield
    finally:
        for name, function in theirs.items():
            setattr(module, name, function)
