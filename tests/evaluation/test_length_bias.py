"""Metrics of length: a model that only counts characters must be found out."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlx_reward.evaluation.length_bias import accuracy_at_equal_length, matched
from mlx_reward.evaluation.metric_table import METRICS

RNG = np.random.default_rng(0)
CHOSEN, REJECTED = (RNG.integers(10, 500, 400).astype(float) for _ in range(2))


def measured(margins: np.ndarray, chosen: np.ndarray, rejected: np.ndarray) -> dict[str, Any]:
    """The metrics of length in the table, for margins and lengths (P,)."""
    gain = chosen - rejected
    predictions: Any = SimpleNamespace(
        margins=margins,
        length_gain=gain,
        length_matched=matched(chosen, rejected),
        clusters=range(len(margins)),
    )
    metrics = [
        m for m in METRICS if any(word in m.name for word in ("length", "longer", "shorter"))
    ]
    assert len(metrics) == 9
    values = {metric.name: metric.function(predictions) for metric in metrics}
    return {name: value for name, value in values.items() if value is not None}


def test_a_model_of_length_alone_has_nothing_left_without_it() -> None:
    found = measured((CHOSEN - REJECTED) * 0.01, CHOSEN, REJECTED)
    assert found["margin_length_correlation"] == pytest.approx(1.0)
    assert found["longer_wins_p"] == 1.0
    assert found["shorter_right_accuracy"] == 0.0
    low, high = found["length_controlled_accuracy"][1:]
    assert low < 0.5 < high


def test_a_model_blind_to_length_keeps_its_accuracy() -> None:
    margins = np.where(RNG.random(400) < 0.8, 1.0, -1.0)
    found = measured(margins, CHOSEN, REJECTED)
    value, low, high = found["length_controlled_accuracy"]
    assert value == pytest.approx(0.8, abs=0.05)
    assert value - 0.1 < low < value < high < value + 0.1
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


@pytest.mark.parametrize(("bias", "old"), [(0.0, 0.675), (1.0, 0.675), (-0.5, 0.672), (None, 0.5)])
def test_accuracy_at_equal_length_is_that_of_pairs_of_equal_length(
    bias: float | None, old: float
) -> None:
    """Better responses are longer. A model reads quality with noise and adds ``bias`` times the
    length, or is length alone (None). ``old`` is what regressing length out of the margins gave.
    """
    rng = np.random.default_rng(1)
    accuracies = []
    for equal in (False, True):
        gain = np.zeros(20_000) if equal else rng.normal(size=20_000)
        quality = 0.7 * gain + np.sqrt(1 - 0.7**2) * rng.normal(size=20_000)
        label = np.where(rng.random(20_000) < 1 / (1 + np.exp(-3 * quality)), 1, -1)
        reads = quality + rng.normal(0, 0.5, 20_000)
        margins = gain if bias is None else reads + bias * gain
        accuracies.append(accuracy_at_equal_length(margins * label, gain * label))
    estimated, truth = accuracies
    assert estimated == pytest.approx(truth, abs=0.025)
    assert bias is None or abs(estimated - truth) < abs(old - truth)


def test_responses_of_equal_length_say_nothing_of_length() -> None:
    """A coin flip, on which the longer one is never right or wrong: McNemar's p was 4e-62."""
    margins = RNG.permutation(np.r_[np.ones(205), -np.ones(195)])
    lengths = np.full(400, 20.0)
    found = measured(margins, lengths, lengths)
    assert found["longer_wins_accuracy"] == 0.5
    assert found["longer_wins_p"] == pytest.approx(0.65, abs=0.02)
    low, high = found["gain_over_longer_wins"][1:]
    assert low < 0 < high


def test_turning_pairs_round_changes_nothing() -> None:
    margins, gain = RNG.normal(0.5, 1, size=200), RNG.normal(size=200)
    as_it_is = accuracy_at_equal_length(margins, gain)
    ties = np.where(np.arange(200) % 10, margins, 0.0)
    assert as_it_is == pytest.approx(accuracy_at_equal_length(margins * 3, gain * 7), abs=1e-4)
    assert 0.5 < accuracy_at_equal_length(ties, gain) < as_it_is


def test_all_of_one_length() -> None:
    found = measured(np.array([1.0, -1.0]), np.array([5.0, 5.0]), np.array([5.0, 5.0]))
    assert "margin_length_correlation" not in found
    assert found["length_controlled_accuracy"] == (0.5, None, None)
