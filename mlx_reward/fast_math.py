"""Exponential, sigmoid and SwiGLU for the CPU, in plain vectorised operations: MLX's own run one element at a time there."""

from typing import Any

import mlx.core as mx

# 2**f on [-0.5, 0.5], least relative squares at Chebyshev nodes; range reduction as in Cody & Waite 1980, chapter 6.
_EXP2 = (1.321867248e-03, 9.671697938e-03, 5.550892952e-02, 2.402223800e-01, 6.931468559e-01, 1.0)
_LOG2_E = 1.4426950408889634
_ROUND = 12582912.0  # 1.5 * 2**23: adding it to a float32 leaves the nearest integer in the low bits
_LOWEST = -127.0  # rounds to the exponent whose bits are those of 0.0, so that no subnormal number slows the matmuls


def exp_nonpositive(x: mx.array) -> mx.array:
    """exp(x) for float32 x <= 0, within 4e-6 relative; 0 below -88."""
    y = mx.maximum(x * _LOG2_E, _LOWEST)
    shifted = y + _ROUND
    fraction = y - (shifted - _ROUND)
    power = mx.view(mx.left_shift(mx.view(shifted, mx.int32), 23) + (127 << 23), mx.float32)
    result = mx.array(_EXP2[0])
    for coefficient in _EXP2[1:]:
        result = result * fraction + coefficient
    return result * power


def sigmoid(x: mx.array) -> mx.array:
    """1 / (1 + exp(-x)) for float32 x, without overflow on either side."""
    small = exp_nonpositive(-mx.abs(x))
    positive = (x >= 0).astype(mx.float32)  # arithmetic, for mx.where runs one element at a time too
    return (small + positive * (1.0 - small)) / (1.0 + small)


def _swiglu_and_gate(gate: mx.array, x: mx.array) -> tuple[mx.array, mx.array]:
    open_ = sigmoid(gate)
    return gate * open_ * x, open_


_swiglu: Any = mx.custom_function(_swiglu_and_gate)


@_swiglu.vjp  # type: ignore[untyped-decorator]  # MLX gives it no type
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
