"""The CPU's own softmax, SwiGLU and attention against MLX's, values and gradients."""

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest

from mlx_reward import fast_math
from tests import tiny

X = mx.array(np.random.default_rng(0).normal(0, 4, (3, 5, 33)).astype(np.float32))
Y = mx.array(np.random.default_rng(1).normal(0, 1, (3, 5, 33)).astype(np.float32))


def test_exponential_over_its_whole_range() -> None:
    x = np.concatenate([np.linspace(-87, 0, 100_001), [-1e30, -200.0]]).astype(np.float32)
    found = np.array(fast_math.exp_nonpositive(mx.array(x)))
    expected = np.exp(x.astype(np.float64))
    assert np.abs(found[:-2] / expected[:-2] - 1).max() < 4e-6  # x * log2(e) is rounded once, as in any float32 exp
    assert found[-2:].tolist() == [0.0, 0.0]


def test_masked_positions_weigh_exactly_nothing_and_no_number_is_subnormal() -> None:
    """Subnormal weights once slowed the matmuls that follow."""
    weights = np.array(fast_math.softmax(mx.array([[0.0, -1e30, -95.0, -3.0]])))
    assert weights[0, 1] == 0.0
    assert ((weights == 0) | (weights > np.finfo(np.float32).tiny)).all()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (fast_math.softmax, lambda x: mx.softmax(x, axis=-1)),
        (lambda x: fast_math.swiglu(x, Y), lambda x: nn.silu(x) * Y),
        (lambda x: fast_math.swiglu(Y, x), lambda x: nn.silu(Y) * x),
        (fast_math.sigmoid, mx.sigmoid),
    ],
)
def test_values_and_gradients(ours, theirs) -> None:  # type: ignore[no-untyped-def]
    assert np.array(ours(X)) == pytest.approx(np.array(theirs(X)), abs=1e-5)
    if ours is fast_math.sigmoid:
        return  # only used inside swiglu, which has its own backward pass
    weigh = mx.cos(mx.arange(X.size)).reshape(X.shape)
    found, expected = (np.array(mx.grad(lambda x, f=f: (f(x) * weigh).sum())(X)) for f in (ours, theirs))
    assert np.abs(found - expected).max() <= 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("mask", [None, "causal", "bool", "additive"])
def test_attention_with_grouped_heads_and_every_mask(mask: str | None) -> None:
    q, k, v = (mx.random.normal((2, h, n, 8), key=mx.random.key(h + n)) for h, n in ((6, 5), (2, 9), (2, 9)))
    allowed = mx.arange(9) < mx.array([[4], [9], [7], [5], [8]])
    given = {"bool": allowed, "additive": mx.where(allowed, 0.0, -1e9)}.get(mask or "", mask)
    expected = mx.fast.scaled_dot_product_attention(q, k, v, scale=0.3, mask=given)
    assert np.array(fast_math.attention(q, k, v, None, 0.3, given)) == pytest.approx(np.array(expected), abs=1e-5)


def test_the_models_module_is_left_as_it_was() -> None:
    """Other models of the same process must not get our functions, not even after an error."""
    model = tiny.model("llama")
    module = tiny.importlib.import_module("mlx_lm.models.llama")
    before = (module.swiglu, module.scaled_dot_product_attention)
    with pytest.raises(RuntimeError), fast_math.on_cpu(model):
        assert module.swiglu is fast_math.swiglu
        raise RuntimeError
    assert (module.swiglu, module.scaled_dot_product_attention) == before
