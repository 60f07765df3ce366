"""Figures about length: a model that only counts characters must be found out."""

import numpy as np
import pytest
from scipy.stats import binomtest

from mlx_reward.evaluation.length_bias import figures, paired_p, without_length

RNG = np.random.default_rng(0)
CHOSEN, REJECTED = (RNG.integers(10, 500, 400).astype(float) for _ in range(2))


def test_a_model_of_length_alone_has_nothing_left_without_it() -> None:
    found = figures((CHOSEN - REJECTED) * 0.01, CHOSEN, REJECTED)
    assert found["margin_length_correlation"] == pytest.approx(1.0)
    assert found["longer_wins_p"] == 1.0
    assert found["shorter_right_accuracy"] == 0.0
    assert np.abs(without_length((CHOSEN - REJECTED) * 0.01, CHOSEN - REJECTED)).max() < 1e-9


def test_a_model_blind_to_length_keeps_its_accuracy() -> None:
    margins = np.where(RNG.random(400) < 0.8, 1.0, -1.0)
    found = figures(margins, CHOSEN, REJECTED)
    assert found["length_controlled_accuracy"] == pytest.approx(0.8, abs=0.05)
    assert found["shorter_right_accuracy"] == pytest.approx(0.8, abs=0.07)
    assert found["longer_wins_p"] < 1e-6


def test_by_hand() -> None:
    chosen, rejected = np.array([10.0, 20.0, 100.0, 5.0]), np.array([20.0, 10.0, 99.0, 5.0])
    found = figures(np.array([1.0, 1.0, -1.0, 1.0]), chosen, rejected)
    assert (
        found["longer_wins_accuracy"],
        found["shorter_right_accuracy"],
        found["shorter_right_pairs"],
    ) == (0.625, 1.0, 1)
    assert (found["length_matched_accuracy"], found["length_matched_pairs"]) == (0.5, 2)


def test_turning_pairs_round_changes_nothing_of_the_regression() -> None:
    margins, gain = RNG.normal(size=50), RNG.normal(size=50)
    turned = np.where(np.arange(50) % 2, 1, -1)
    assert without_length(margins * turned, gain * turned) * turned == pytest.approx(
        without_length(margins, gain)
    )


def test_mcnemar_counts_only_the_pairs_that_differ() -> None:
    first = np.array([1.0] * 8 + [-1.0] * 2 + [1.0] * 50)
    second = np.array([-1.0] * 8 + [1.0] * 2 + [1.0] * 50)
    assert paired_p(first, second) == binomtest(8, 10).pvalue


def test_all_of_one_length() -> None:
    found = figures(np.array([1.0, -1.0]), np.array([5.0, 5.0]), np.array([5.0, 5.0]))
    assert "margin_length_correlation" not in found
    assert found["length_controlled_accuracy"] == 0.5
