"""Metrics of length: a model that only counts characters must be found out."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlx_reward.evaluation.length_bias import matched, without_length
from mlx_reward.evaluation.metric_table import METRICS

RNG = np.random.default_rng(0)
CHOSEN, REJECTED = (RNG.integers(10, 500, 400).astype(float) for _ in range(2))


def measured(margins: np.ndarray, chosen: np.ndarray, rejected: np.ndarray) -> dict[str, Any]:
    """The metrics of length in the table, for margins and lengths (P,)."""
    gain = chosen - rejected
    predictions: Any = SimpleNamespace(
        margins=margins, length_gain=gain, length_matched=matched(chosen, rejected)
    )
    metrics = [
        m for m in METRICS if any(word in m.name for word in ("length", "longer", "shorter"))
    ]
    assert len(metrics) == 8
    values = {metric.name: metric.function(predictions) for metric in metrics}
    return {name: value for name, value in values.items() if value is not None}


def test_a_model_of_length_alone_has_nothing_left_without_it() -> None:
    found = measured((CHOSEN - REJECTED) * 0.01, CHOSEN, REJECTED)
    assert found["margin_length_correlation"] == pytest.approx(1.0)
    assert found["longer_wins_p"] == 1.0
    assert found["shorter_right_accuracy"] == 0.0
    assert np.abs(without_length((CHOSEN - REJECTED) * 0.01, CHOSEN - REJECTED)).max() < 1e-9


def test_a_model_blind_to_length_keeps_its_accuracy() -> None:
    margins = np.where(RNG.random(400) < 0.8, 1.0, -1.0)
    found = measured(margins, CHOSEN, REJECTED)
    assert found["length_controlled_accuracy"] == pytest.approx(0.8, abs=0.05)
    assert found["shorter_right_accuracy"] == pytest.approx(0.8, abs=0.07)
    assert found["longer_wins_p"] < 1e-6


def test_by_hand() -> None:
    chosen, rejected = np.array([10.0, 20.0, 100.0, 5.0]), np.array([20.0, 10.0, 99.0, 5.0])
    found = measured(np.array([1.0, 1.0, -1.0, 1.0]), chosen, rejected)
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


def test_all_of_one_length() -> None:
    found = measured(np.array([1.0, -1.0]), np.array([5.0, 5.0]), np.array([5.0, 5.0]))
    assert "margin_length_correlation" not in found
    assert found["length_controlled_accuracy"] == 0.5
