"""The losses against NumPy and finite differences."""

import dataclasses
import math
from typing import get_args

import mlx.core as mx
import numpy as np
import pytest

from mlx_reward.config.train import LossSettings
from mlx_reward.engine.engine import Engine
from mlx_reward.training.losses import (
    LOSSES,
    PAIRWISE,
    Targets,
    bradley_terry,
    centering,
    make_labels,
    make_loss_fn,
    plackett_luce,
)
from mlx_reward.training.trainer import train
from mlx_reward.utils.errors import InputError
from tests.toy import dataset, loss_settings, network, pairs, settings

MARGINS = np.array([0.0, 1.5, -2.0, 30.0, -30.0])


def targets(labels: mx.array, margins: mx.array | None = None) -> Targets:
    """Pairs of different texts with these labels and target margins, 0 by default."""
    return Targets(
        chosen_texts=np.arange(len(labels)),
        labels=labels,
        margins=mx.zeros(len(labels)) if margins is None else margins,
    )


def choices(chosen_texts: list[int]) -> Targets:
    """Plain preferences for these texts."""
    count = len(chosen_texts)
    return Targets(np.array(chosen_texts), labels=mx.ones(count), margins=mx.zeros(count))


def bradley_terry_of_margins(margins: mx.array, labels: mx.array) -> mx.array:
    return bradley_terry(margins, mx.zeros(len(margins)), targets(labels))


def test_the_settings_name_the_losses_of_the_table() -> None:
    assert get_args(LossSettings.model_fields["kind"].annotation) == tuple(LOSSES)
    assert set(PAIRWISE) <= set(LOSSES)


def test_a_function_in_the_table_is_what_training_minimises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hinge(rewards_chosen: mx.array, rewards_rejected: mx.array, _: Targets) -> mx.array:
        return mx.maximum(0.0, 1 - (rewards_chosen - rewards_rejected)).mean()

    monkeypatch.setitem(LOSSES, "hinge", hinge)
    with_hinge = settings(loss=loss_settings(kind="hinge"), iters=2, warmup=0.0)
    log_history = train(Engine(network()), dataset(36), dataset(9, seed=1), with_hinge)
    assert log_history.losses[0] == pytest.approx(1.0)  # all rewards are 0 at first
    assert log_history.losses[1] < 0.9


def test_settings_that_a_loss_does_not_use_are_refused() -> None:
    expected = r"train.loss: label_smoothing \(0.1\) cannot be used with kind plackett_luce"
    with pytest.raises(InputError, match=expected):
        make_loss_fn(pairs(9), loss_settings(kind="plackett_luce", label_smoothing=0.1))
    with pytest.raises(InputError, match="train.loss: soft_labels .True., margin .2.0. cannot"):
        make_loss_fn(pairs(9), loss_settings(kind="plackett_luce", soft_labels=True, margin=2.0))


def test_a_margin_needs_the_strength_of_some_preference() -> None:
    with pytest.raises(InputError, match="margin is 1.0, but no pair has a preference_strength"):
        make_loss_fn(pairs(9), loss_settings(margin=1.0))


def test_bradley_terry_is_minus_log_sigmoid() -> None:
    expected = np.log1p(np.exp(-MARGINS)).mean()
    loss = bradley_terry_of_margins(mx.array(MARGINS.astype(np.float32)), mx.ones(5))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_a_target_margin_is_taken_off_the_margin() -> None:
    """Chosen ahead by 3 where 1 is asked for is as good as ahead by 2."""
    ahead = bradley_terry(mx.array([3.5]), mx.array([0.5]), targets(mx.ones(1), mx.array([1.0])))
    assert ahead.item() == pytest.approx(math.log1p(math.exp(-2.0)), rel=1e-6)


def test_soft_labels_are_the_cross_entropy_with_the_judges_share() -> None:
    labels = np.array([0.5, 0.9, 0.0, 1.0, 0.3])
    chance = 1 / (1 + np.exp(-MARGINS))
    expected = -(labels * np.log(chance) + (1 - labels) * np.log1p(-chance)).mean()
    loss = bradley_terry_of_margins(
        mx.array(MARGINS.astype(np.float32)), mx.array(labels.astype(np.float32))
    )
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_the_optimum_for_a_soft_label_is_its_log_odds() -> None:
    gradient = mx.grad(bradley_terry_of_margins)(mx.array([math.log(4)]), mx.array([0.8]))
    assert gradient.item() == pytest.approx(0, abs=1e-6)


def test_no_preference_costs_log_2() -> None:
    assert bradley_terry_of_margins(mx.zeros(4), mx.ones(4)).item() == pytest.approx(math.log(2))


def test_gradient_agrees_with_finite_differences() -> None:
    margins, labels, step = mx.array([0.3, -1.2, 2.0]), mx.array([1.0, 0.7, 0.2]), 1e-2
    gradient = mx.grad(bradley_terry_of_margins)(margins, labels)
    for i in range(3):
        bump = mx.array([step if j == i else 0.0 for j in range(3)])
        above = bradley_terry_of_margins(margins + bump, labels)
        below = bradley_terry_of_margins(margins - bump, labels)
        rise = (above - below).item()
        assert gradient[i].item() == pytest.approx(rise / (2 * step), abs=1e-3)


def test_a_huge_wrong_margin_keeps_a_finite_gradient() -> None:
    gradient = mx.grad(bradley_terry_of_margins)(mx.array([-1e4]), mx.ones(1))
    assert gradient.item() == pytest.approx(-1.0)


def test_centering_is_zero_for_opposite_rewards_and_pulls_equal_ones_down() -> None:
    """By hand: ((2 - 2)^2 + (1 + 0.5)^2) / 2 and its derivative (c + r) / P * 2."""
    chosen, rejected = mx.array([2.0, 1.0]), mx.array([-2.0, 0.5])
    assert centering(chosen, rejected).item() == pytest.approx(2.25 / 2)
    assert mx.grad(centering)(chosen, rejected).tolist() == pytest.approx([0.0, 1.5])


def test_smoothing_moves_labels_towards_one_half_and_leaves_that_alone() -> None:
    rows = [
        dataclasses.replace(row, agreement=agreement)
        for row, agreement in zip(pairs(3), (1.0, 0.5, 0.0), strict=True)
    ]
    smoothed = loss_settings(label_smoothing=0.1)
    assert make_labels(rows, smoothed) == pytest.approx([0.9, 0.9, 0.9])
    both = loss_settings(label_smoothing=0.1, soft_labels=True)
    assert make_labels(rows, both) == pytest.approx([0.9, 0.5, 0.1])


def plackett_luce_of_ranking(rewards: list[float]) -> float:
    """The loss of all pairs of a ranking, best first."""
    both = [(i, j) for i in range(len(rewards)) for j in range(i + 1, len(rewards))]
    chosen = mx.array([rewards[i] for i, _ in both])
    rejected = mx.array([rewards[j] for _, j in both])
    return float(plackett_luce(chosen, rejected, choices([i for i, _ in both])))


def test_plackett_luce_of_three_is_the_example_of_its_docstring() -> None:
    a, b, c = 0.7, -0.2, 0.4
    first = math.log(math.exp(a) + math.exp(b) + math.exp(c)) - a
    second = math.log(math.exp(b) + math.exp(c)) - b
    assert plackett_luce_of_ranking([a, b, c]) == pytest.approx((first + second) / 3, rel=1e-6)


def test_plackett_luce_is_the_chance_of_picking_the_ranking_one_by_one() -> None:
    rewards = np.array([1.0, -0.5, 2.0, 0.3])
    odds = np.exp(rewards)
    expected = -sum(np.log(odds[i] / odds[i:].sum()) for i in range(3))
    assert plackett_luce_of_ranking(rewards.tolist()) * 6 == pytest.approx(expected, rel=1e-6)


def test_plackett_luce_of_two_is_bradley_terry() -> None:
    margins = mx.array(MARGINS.astype(np.float32))
    listwise = plackett_luce(margins, mx.zeros(5), choices([0, 1, 2, 3, 4]))
    pairwise = bradley_terry_of_margins(margins, mx.ones(5))
    assert listwise.item() == pytest.approx(pairwise.item(), rel=1e-6)


def test_plackett_luce_agrees_with_finite_differences() -> None:
    rewards, step = mx.array([0.3, -1.2, 2.0]), 1e-2

    def loss(r: mx.array) -> mx.array:
        return plackett_luce(r[mx.array([0, 0, 1])], r[mx.array([1, 2, 2])], choices([0, 0, 1]))

    gradient = mx.grad(loss)(rewards)
    for i in range(3):
        bump = mx.array([step if j == i else 0.0 for j in range(3)])
        rise = (loss(rewards + bump) - loss(rewards - bump)).item()
        assert gradient[i].item() == pytest.approx(rise / (2 * step), abs=1e-3)


def test_plackett_luce_stays_finite_for_huge_wrong_margins() -> None:
    def loss(chosen: mx.array) -> mx.array:
        return plackett_luce(chosen, mx.array([1e4, 0.0]), choices([0, 0]))

    gradient = mx.grad(loss)(mx.array([-1e4, -1e4]))
    assert gradient.tolist() == pytest.approx([-0.5, 0.0])
