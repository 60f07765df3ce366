"""Exponential, sigmoid and SwiGLU for the CPU, in plain vectorised operations: MLX's own run one element at a time there."""

from typing import Any

import mlx.core as mx

# 2**f on [-0.5, 0.5], least relative squares at Chebyshev nodes; range reduction as in Cody & Waite 1980, chapter 6.
_EXP2 = (1.321867248e-03, 9.671697938e-03, 5.550892952e-02, 2.402223800e-01, 6.931468559e-01, 1.0)
_LOG2_E = 1.4426950408889634
# 1.5 * 2**23: adding it to a float32 leaves the nearest integer in the low bits; with 127, the exponent of that power of 2.
_ROUND = 12582912.0 + 127.0
_LOWEST = -127.0  # rounds to the exponent whose bits are those of 0.0, so that no subnormal number slows the matmuls
_HIGHEST = 100.0


def exp_nonpositive(x: mx.array) -> mx.array:
    """exp(x) for float32 x <= 0, within 4e-6 relative; 0 below -88."""
    return _exp2(mx.maximum(x * _LOG2_E, _LOWEST))


def _exp2(y: mx.array) -> mx.array:
    """2**y for float32 y from ``_LOWEST``, where it is 0, to 127."""
    shifted = y + _ROUND
    fraction = y - (shifted - _ROUND)
    power = mx.view(mx.left_shift(mx.view(shifted, mx.int32), 23), mx.float32)
    result = mx.array(_EXP2[0])
    for coefficient in _EXP2[1:]:
        result = result * fraction + coefficient
    return result * power


def sigmoid(x: mx.array) -> mx.array:
    """1 / (1 + exp(-x)) for float32 x; at least 2**-100."""
    return 1.0 / (1.0 + _exp2(mx.minimum(mx.maximum(x * -_LOG2_E, _LOWEST), _HIGHEST)))


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
