"""The loss against NumPy and finite differences."""

import math

import mlx.core as mx
import numpy as np
import pytest

from mlx_reward.losses import bradley_terry

MARGINS = np.array([0.0, 1.5, -2.0, 30.0, -30.0])


def test_bradley_terry_is_minus_log_sigmoid() -> None:
    weights = np.array([1.0, 2.0, 1.0, 0.5, 0.0])
    expected = (np.log1p(np.exp(-MARGINS)) * weights).sum() / weights.sum()
    loss, total = bradley_terry(mx.array(MARGINS.astype(np.float32)), mx.array(weights.astype(np.float32)))
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    assert total.item() == weights.sum()


def test_no_preference_costs_log_2() -> None:
    assert bradley_terry(mx.zeros(4), mx.ones(4))[0].item() == pytest.approx(math.log(2))


def test_gradient_agrees_with_finite_differences() -> None:
    margins, weights, step = mx.array([0.3, -1.2, 2.0]), mx.ones(3), 1e-2
    gradient = mx.grad(lambda m: bradley_terry(m, weights)[0])(margins)
    for i in range(3):
        bump = mx.array([step if j == i else 0.0 for j in range(3)])
        rise = bradley_terry(margins + bump, weights)[0] - bradley_terry(margins - bump, weights)[0]
        assert gradient[i].item() == pytest.approx(rise.item() / (2 * step), abs=1e-3)


def test_a_huge_wrong_margin_keeps_a_finite_gradient() -> None:
    assert mx.grad(lambda m: bradley_terry(m, mx.ones(1))[0])(mx.array([-1e4])).item() == pytest.approx(-1.0)
