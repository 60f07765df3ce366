"""Metrics against hand-worked examples and scikit-learn."""

import math

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from mlx_reward.evaluation.metrics import (
    accuracy,
    auroc,
    brier,
    coverage,
    cross_entropy,
    ece,
    nll,
    reliability,
)

LOGITS = np.random.default_rng(0).normal(0.5, 2.0, size=501)


def test_cross_entropy_is_the_nll_of_either_answer_by_its_chance() -> None:
    """By hand: log 2 whatever the label, and 3/4 of log(4/3) with 1/4 of log 4 at log 3."""
    assert cross_entropy(np.zeros(2), np.array([1.0, 0.3])) == pytest.approx(math.log(2))
    at_log_3 = 0.75 * math.log(4 / 3) + 0.25 * math.log(4)
    assert cross_entropy(np.array([math.log(3)]), np.array([0.75])) == pytest.approx(at_log_3)
    margins = np.array([0.5, -2.0])
    assert cross_entropy(margins, np.ones(2)) == nll(margins)


def test_accuracy_counts_a_tie_one_half() -> None:
    assert accuracy(np.array([1.0, -1.0, 0.0, 2.0])) == 0.625


def test_nll_and_brier_are_those_of_scikit_learn() -> None:
    """Half of the pairs turned round, so that both labels occur."""
    labels = np.arange(len(LOGITS)) % 2
    probability = expit(np.where(labels == 1, LOGITS, -LOGITS))
    assert nll(LOGITS) == pytest.approx(log_loss(labels, probability))
    assert brier(LOGITS) == pytest.approx(brier_score_loss(labels, probability))


def test_nll_of_a_huge_wrong_margin_is_finite() -> None:
    assert nll(np.array([-1e4])) == pytest.approx(1e4)


def test_reliability_bins_hold_equal_mass() -> None:
    counts = [b.count for b in reliability(LOGITS, 15)]
    assert sum(counts) == len(LOGITS)
    assert max(counts) - min(counts) <= 1


def test_ece_by_hand() -> None:
    """Two bins: confidences sigmoid(1) (wrong, right) and sigmoid(3) (right, right)."""
    diagram = reliability(np.array([-1.0, 1.0, 3.0, 3.0]), 2)
    low, high = 1 / (1 + math.exp(-1)), 1 / (1 + math.exp(-3))
    assert [(b.confidence, b.accuracy, b.count) for b in diagram] == [
        (pytest.approx(low), 0.5, 2),
        (pytest.approx(high), 1.0, 2),
    ]
    assert ece(diagram) == pytest.approx((abs(low - 0.5) + abs(high - 1.0)) / 2)


def test_ece_of_calibrated_pairs_is_small_and_of_overconfident_ones_large() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, 20_000)
    outcomes = np.where(rng.random(20_000) < expit(logits), logits, -logits)
    assert ece(reliability(outcomes, 15)) < 0.02
    assert ece(reliability(outcomes * 4, 15)) > 0.1


def test_folding_ignores_the_order_of_a_pair() -> None:
    """In chosen-first order a model that is always unsure must not look calibrated by label 1."""
    assert ece(reliability(np.array([0.0, 0.0]), 1)) == 0.0


def test_more_bins_than_pairs() -> None:
    assert len(reliability(np.array([1.0, -2.0]), 15)) == 2


def test_auroc_is_that_of_scikit_learn() -> None:
    rounded = np.round(LOGITS, 1)  # with ties among the confidences
    assert auroc(rounded) == pytest.approx(roc_auc_score(rounded > 0, np.abs(rounded)))
    assert auroc(np.array([1.0, 2.0])) == 0.5


def test_coverage_decides_the_most_confident_first() -> None:
    assert coverage(np.array([0.1, -3.0, 2.0, -0.5]), steps=4) == [
        (0.25, 0.0),
        (0.5, 0.5),
        (0.75, pytest.approx(1 / 3)),
        (1.0, 0.5),
    ]
