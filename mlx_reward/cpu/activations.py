"""Exponential, sigmoid, SwiGLU and GELU for the CPU, in vectorised operations.

MLX runs its own element by element there.
"""

from typing import Any

import mlx.core as mx

# 2**f on [-0.5, 0.5], least relative squares at Chebyshev nodes; range reduction as in Cody & Waite
# 1980, chapter 6.
_EXP2 = (1.0, 6.931468559e-01, 2.402223800e-01, 5.550892952e-02, 9.671697938e-03, 1.321867248e-03)
_LOG2_E = 1.4426950408889634
# 1.5 * 2**23: adding it to a float32 leaves the nearest integer in the low bits; with 127, the
# exponent of that power of 2.
_ROUND = 12582912.0 + 127.0
# Rounds to the exponent whose bits are those of 0.0, so that no subnormal number slows the matmuls.
_LOWEST = -127.0
_HIGHEST = 100.0
_FAR = 10.0  # from where on GELU is x or 0 to the last digit, and no power of x need be taken
# GELU is x * sigmoid(x p(x**2)): with the first p as Hendrycks & Gimpel 2016 (arXiv:1606.08415,
# section 2) approximate it, with the second within 4e-6 of the exact one (fitted for that, to
# log(Phi(x) / Phi(-x)) / x).
_GELU_APPROX = (1.5957691216, 0.0713548163)
_GELU = (1.595656272, 7.293757925e-02, -2.497213873e-04, -6.116240644e-05, 2.238188106e-06)


def exp_nonpositive(x: mx.array) -> mx.array:
    """exp(x) for float32 x <= 0, within 4e-6 relative; 0 below -88."""
    return _exp2(mx.maximum(x * _LOG2_E, _LOWEST))


def _exp2(y: mx.array) -> mx.array:
    """2**y for float32 y from ``_LOWEST``, where it is 0, to 127."""
    shifted = y + _ROUND
    fraction = y - (shifted - _ROUND)
    power = mx.view(mx.left_shift(mx.view(shifted, mx.int32), 23), mx.float32)
    return _polynomial(fraction, _EXP2) * power


def sigmoid(x: mx.array) -> mx.array:
    """1 / (1 + exp(-x)) for float32 x; at least 2**-100."""
    return _inverse(x * -_LOG2_E)


def _inverse(y: mx.array) -> mx.array:
    """1 / (1 + 2**y) for float32 y; at least 2**-100."""
    return 1.0 / (1.0 + _exp2(mx.minimum(mx.maximum(y, _LOWEST), _HIGHEST)))


def _swiglu_and_gate(gate: mx.array, x: mx.array) -> tuple[mx.array, mx.array]:
    open_ = sigmoid(gate)
    return gate * open_ * x, open_


_swiglu: Any = mx.custom_function(_swiglu_and_gate)


@_swiglu.vjp  # type: ignore[untyped-decorator]  # MLX gives it no type
def _swiglu_vjp(
    primals: tuple[mx.array, mx.array],
    cotangents: tuple[mx.array, mx.array],
    outputs: tuple[mx.array, mx.array],
) -> tuple[mx.array, mx.array]:
    (gate, x), open_ = primals, outputs[1]
    silu = gate * open_
    return cotangents[0] * x * (open_ + silu * (1.0 - open_)), cotangents[0] * silu


def swiglu(gate: mx.array, x: mx.array) -> mx.array:
    """silu(gate) * x (Shazeer 2020, "GLU Variants Improve Transformer")."""
    product: mx.array = _swiglu(gate, x)[0]
    return product


def _gated(coefficients: tuple[float, ...]) -> Any:
    """A function of x: x * sigmoid(x p(x**2)) and the sigmoid alone, with p of these
    ``coefficients``, the constant first.
    """

    def gate_of(x: mx.array) -> tuple[mx.array, mx.array]:
        near = mx.clip(x, -_FAR, _FAR)
        open_ = _inverse(near * _polynomial(near * near, tuple(-_LOG2_E * c for c in coefficients)))
        return x * open_, open_

    gate: Any = mx.custom_function(gate_of)

    @gate.vjp  # type: ignore[untyped-decorator]  # MLX gives it no type
    def gate_vjp(
        x: mx.array, cotangents: tuple[mx.array, mx.array], outputs: tuple[mx.array, mx.array]
    ) -> mx.array:
        product, open_ = outputs
        near = mx.clip(x, -_FAR, _FAR)
        slope = _polynomial(
            near * near, tuple((2 * k + 1) * c for k, c in enumerate(coefficients))
        )  # of x p(x**2)
        return cotangents[0] * (open_ + product * (1.0 - open_) * slope)

    return gate


_gelu, _gelu_approx = _gated(_GELU), _gated(_GELU_APPROX)


def gelu(x: mx.array) -> mx.array:
    """x * Phi(x), with Phi the normal distribution's, for float32 x, within 4e-6 (Hendrycks &
    Gimpel 2016).
    """
    product: mx.array = _gelu(x)[0]
    return product


def gelu_approx(x: mx.array) -> mx.array:
    """x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x**3))) for float32 x (Hendrycks & Gimpel
    2016).
    """
    product: mx.array = _gelu_approx(x)[0]
    return product


def _polynomial(x: mx.array, coefficients: tuple[float, ...]) -> mx.array:
    """By Horner's rule, the constant first."""
    result = mx.array(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        result = result * x + coefficient
    return result
