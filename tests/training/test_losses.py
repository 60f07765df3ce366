"""The loss against NumPy and finite differences."""

import math

import mlx.core as mx
import numpy as np
import pytest

from mlx_reward.training.losses import bradley_terry, centering, plackett_luce, smoothed

MARGINS = np.array([0.0, 1.5, -2.0, 30.0, -30.0])


def test_bradley_terry_is_minus_log_sigmoid() -> None:
    expected = np.log1p(np.exp(-MARGINS)).mean()
    assert bradley_terry(mx.array(MARGINS.astype(np.float32)), mx.ones(5)).item() == pytest.approx(
        expected, rel=1e-6
    )


def test_soft_labels_are_the_cross_entropy_with_the_judges_share() -> None:
    labels = np.array([0.5, 0.9, 0.0, 1.0, 0.3])
    chance = 1 / (1 + np.exp(-MARGINS))
    expected = -(labels * np.log(chance) + (1 - labels) * np.log1p(-chance)).mean()
    loss = bradley_terry(mx.array(MARGINS.astype(np.float32)), mx.array(labels.astype(np.float32)))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_the_optimum_for_a_soft_label_is_its_log_odds() -> None:
    gradient = mx.grad(lambda m: bradley_terry(m, mx.array([0.8])))(mx.array([math.log(4)]))
    assert gradient.item() == pytest.approx(0, abs=1e-6)


def test_no_preference_costs_log_2() -> None:
    assert bradley_terry(mx.zeros(4), mx.ones(4)).item() == pytest.approx(math.log(2))


def test_gradient_agrees_with_finite_differences() -> None:
    margins, labels, step = mx.array([0.3, -1.2, 2.0]), mx.array([1.0, 0.7, 0.2]), 1e-2
    gradient = mx.grad(lambda m: bradley_terry(m, labels))(margins)
    for i in range(3):
        bump = mx.array([step if j == i else 0.0 for j in range(3)])
        rise = bradley_terry(margins + bump, labels) - bradley_terry(margins - bump, labels)
        assert gradient[i].item() == pytest.approx(rise.item() / (2 * step), abs=1e-3)


def test_a_huge_wrong_margin_keeps_a_finite_gradient() -> None:
    assert mx.grad(lambda m: bradley_terry(m, mx.ones(1)))(
        mx.array([-1e4])
    ).item() == pytest.approx(-1.0)


def test_centering_is_zero_for_opposite_rewards_and_pulls_equal_ones_down() -> None:
    """By hand: ((2 - 2)^2 + (1 + 0.5)^2) / 2 and its derivative (c + r) / P * 2."""
    chosen, rejected = mx.array([2.0, 1.0]), mx.array([-2.0, 0.5])
    assert centering(chosen, rejected).item() == pytest.approx(2.25 / 2)
    assert mx.grad(centering)(chosen, rejected).tolist() == pytest.approx([0.0, 1.5])


def test_smoothing_moves_labels_towards_one_half_and_leaves_that_alone() -> None:
    assert smoothed(mx.array([1.0, 0.5, 0.0]), 0.1).tolist() == pytest.approx([0.9, 0.5, 0.1])


def ranking(rewards: list[float]) -> tuple[mx.array, mx.array, mx.array, int]:
    """The comparisons of a full ranking, best first."""
    both = [(i, j) for i in range(len(rewards)) for j in range(i + 1, len(rewards))]
    winners, losers = (mx.array([rewards[pair[side]] for pair in both]) for side in (0, 1))
    return winners, losers, mx.array([i for i, _ in both]), len(rewards) - 1


def test_plackett_luce_is_the_chance_of_picking_the_ranking_one_by_one() -> None:
    rewards = np.array([1.0, -0.5, 2.0, 0.3])
    odds = np.exp(rewards)
    expected = -sum(np.log(odds[i] / odds[i:].sum()) for i in range(3))
    assert plackett_luce(*ranking(rewards.tolist())).item() * 6 == pytest.approx(expected, rel=1e-6)


def test_plackett_luce_of_two_is_bradley_terry() -> None:
    margins = mx.array(MARGINS.astype(np.float32))
    listwise = plackett_luce(margins, mx.zeros(5), mx.arange(5), 5)
    assert listwise.item() == pytest.approx(bradley_terry(margins, mx.ones(5)).item(), rel=1e-6)


def test_plackett_luce_agrees_with_finite_differences() -> None:
    rewards, step = [0.3, -1.2, 2.0], 1e-2

    def loss(r: mx.array) -> mx.array:
        return plackett_luce(r[mx.array([0, 0, 1])], r[mx.array([1, 2, 2])], mx.array([0, 0, 1]), 2)

    gradient = mx.grad(loss)(mx.array(rewards))
    for i in range(3):
        bump = mx.array([step if j == i else 0.0 for j in range(3)])
        rise = loss(mx.array(rewards) + bump) - loss(mx.array(rewards) - bump)
        assert gradient[i].item() == pytest.approx(rise.item() / (2 * step), abs=1e-3)


def test_plackett_luce_stays_finite_for_huge_wrong_margins() -> None:
    gradient = mx.grad(lambda w: plackett_luce(w, mx.array([1e4, 0.0]), mx.array([0, 0]), 1))(
        mx.array([-1e4, -1e4])
    )
    assert gradient.tolist() == pytest.approx([-0.5, 0.0])
