"""The CPU's own exponential, sigmoid, SwiGLU and GELU against MLX's, values and gradients."""

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest

from mlx_reward.cpu import activations

X = mx.array(np.random.default_rng(0).normal(0, 4, (3, 5, 33)).astype(np.float32))
Y = mx.array(np.random.default_rng(1).normal(0, 1, (3, 5, 33)).astype(np.float32))


def test_exponential_over_its_whole_range() -> None:
    x = np.concatenate([np.linspace(-87, 0, 100_001), [-1e30, -200.0]]).astype(np.float32)
    found = np.array(activations.exp_nonpositive(mx.array(x)))
    expected = np.exp(x.astype(np.float64))
    assert (
        np.abs(found[:-2] / expected[:-2] - 1).max() < 4e-6
    )  # x * log2(e) is rounded once, as in any float32 exp
    assert found[-2:].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda x: activations.swiglu(x, Y), lambda x: nn.silu(x) * Y),
        (lambda x: activations.swiglu(Y, x), lambda x: nn.silu(Y) * x),
        (activations.gelu, nn.gelu),
        (activations.gelu_approx, nn.gelu_approx),
        (activations.sigmoid, mx.sigmoid),
    ],
)
def test_values_and_gradients(ours, theirs) -> None:  # type: ignore[no-untyped-def]
    assert np.array(ours(X)) == pytest.approx(np.array(theirs(X)), abs=1e-5)
    if ours is activations.sigmoid:
        return  # only used inside swiglu, which has its own backward pass
    weigh = mx.cos(mx.arange(X.size)).reshape(X.shape)
    found, expected = (
        np.array(mx.grad(lambda x, f=f: (f(x) * weigh).sum())(X)) for f in (ours, theirs)
    )
    assert np.abs(found - expected).max() <= 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("ours", [activations.gelu, activations.gelu_approx])
def test_gelu_far_from_zero(ours) -> None:  # type: ignore[no-untyped-def]
    """The polynomial inside grows without bound: it must do so to the right side, and never to inf
    - inf.
    """
    x = mx.array([-1e6, -1e3, -30.0, -6.0, 6.0, 30.0, 1e3, 1e6])
    assert np.array(ours(x)) == pytest.approx([0, 0, 0, 0, 6, 30, 1e3, 1e6], abs=1e-5)
    assert np.array(mx.grad(lambda x: ours(x).sum())(x)) == pytest.approx(
        [0, 0, 0, 0, 1, 1, 1, 1], abs=1e-5
    )
