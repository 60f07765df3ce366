"""The CPU's own attention against MLX's, values and gradients."""

import mlx.core as mx
import numpy as np
import pytest

from mlx_reward.cpu.attention import attend, attention

NO_MASK = mx.zeros((1, 1))


@pytest.mark.parametrize("mask", [None, "causal", "bool", "additive"])
def test_grouped_heads_and_every_mask(mask: str | None) -> None:
    q, k, v = (
        mx.random.normal((2, h, n, 8), key=mx.random.key(h + n))
        for h, n in ((6, 5), (2, 9), (2, 9))
    )
    allowed = mx.arange(9) < mx.array([[4], [9], [7], [5], [8]])
    given = {"bool": allowed, "additive": mx.where(allowed, 0.0, -1e9)}.get(mask or "", mask)
    weigh = mx.cos(mx.arange(q.size)).reshape(q.shape)

    def ours(q: mx.array, k: mx.array, v: mx.array) -> mx.array:
        return (attention(q, k, v, None, 0.3, given) * weigh).sum()

    def theirs(q: mx.array, k: mx.array, v: mx.array) -> mx.array:
        return (mx.fast.scaled_dot_product_attention(q, k, v, scale=0.3, mask=given) * weigh).sum()

    expected = mx.fast.scaled_dot_product_attention(q, k, v, scale=0.3, mask=given)
    assert np.array(attention(q, k, v, None, 0.3, given)) == pytest.approx(
        np.array(expected), abs=1e-5
    )
    for found, wanted in zip(
        mx.grad(ours, (0, 1, 2))(q, k, v), mx.grad(theirs, (0, 1, 2))(q, k, v), strict=True
    ):
        assert np.array(found) == pytest.approx(np.array(wanted), abs=1e-5)


def test_masked_keys_weigh_exactly_nothing_and_no_number_is_subnormal() -> None:
    """Subnormal weights once slowed the matmuls that follow."""
    keys, values = mx.array([[0.0], [5.0], [-95.0], [-3.0]]), mx.eye(4)
    weights = np.array(
        attend(mx.ones((1, 1)), keys, values, mx.array([[0.0], [-1e30], [0.0], [0.0]]))
    )
    assert weights[0, 1] == 0.0
    assert ((weights == 0) | (weights > np.finfo(np.float32).tiny)).all()


def test_attention_sinks_are_left_to_mlx_lm() -> None:
    """gpt-oss has them: a learnt score that takes its share of every softmax."""
    q, k, v = (mx.random.normal((1, 2, 4, 8), key=mx.random.key(i)) for i in range(3))
    sinks = mx.array([0.5, 2.0])
    expected = mx.fast.scaled_dot_product_attention(q, k, v, scale=0.3, mask="causal", sinks=sinks)
    assert np.array(attention(q, k, v, None, 0.3, "causal", sinks)) == pytest.approx(
        np.array(expected), abs=1e-6
    )
