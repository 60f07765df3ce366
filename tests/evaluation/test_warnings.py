"""What makes a model suspect is said, by stages eval, report and gate alike."""

from typing import Any

import pytest

from mlx_reward.evaluation.intervals import UNKNOWN
from mlx_reward.evaluation.warnings import warnings

FINE: dict[str, Any] = {
    "accuracy": 0.8,
    "longer_wins_accuracy": 0.6,
    "gain_over_longer_wins": 0.2,
    "gain_over_longer_wins_low": 0.15,
    "gain_over_longer_wins_high": 0.25,
    "bag_of_words_accuracy": 0.7,
    "gain_over_bag_of_words": 0.1,
    "gain_over_bag_of_words_low": 0.04,
    "gain_over_bag_of_words_high": 0.16,
    "valid_accuracy": 0.8,
    "shift_p": 0.4,
}


def probe(fooled: float, low: float, high: float, p: float) -> dict[str, Any]:
    ends = {"fooled_low": low, "fooled_high": high}
    return {"fooled": fooled, **ends, "fooled_p": p, "probes": 12}


def test_a_model_above_suspicion() -> None:
    assert warnings(FINE, {"padding": probe(0.25, 0.1, 0.5, 0.04)}) == []


def test_words_that_are_better_than_the_model() -> None:
    """It raised no warning once, though the README says such a model has learned nothing."""
    worse = FINE | {
        "accuracy": 0.787,
        "bag_of_words_accuracy": 0.8,
        "gain_over_bag_of_words": -0.013,
        "gain_over_bag_of_words_low": -0.05,
        "gain_over_bag_of_words_high": 0.024,
    }
    assert warnings(worse, {}) == [
        "not significantly better than words alone: accuracy 0.787 against 0.800, "
        "a difference of -0.013 (95 % -0.050 to +0.024)"
    ]


@pytest.mark.parametrize("name", ["longer_wins", "bag_of_words"])
def test_a_gain_that_may_be_none(name: str) -> None:
    (line,) = warnings(FINE | {f"gain_over_{name}_low": 0.0}, {})
    assert line.startswith("not significantly better than")
    (line,) = warnings(FINE | {f"gain_over_{name}_low": None}, {})
    assert line.endswith("on too few prompts to tell them apart")


def test_edits_that_fool_the_model_more_often_than_not_worst_first() -> None:
    found = {
        "repetition": probe(10 / 12, 0.55, 0.95, 0.04),
        "other_language": probe(1.0, 0.76, 1.0, 0.006),
        "flattery": probe(9 / 12, 0.51, 0.91, 0.06),
        "markdown": UNKNOWN.fields("fooled") | {"fooled_p": None, "probes": 0},
    }
    assert warnings(FINE, found) == [
        "fooled more often than not by other language (12 of 12, 95 % 0.76 to 1.00), "
        "repetition (10 of 12, 95 % 0.55 to 0.95)"
    ]


def test_too_few_probes_for_an_interval() -> None:
    few = probe(1.0, 0.0, 0.0, 0.01) | UNKNOWN.fields("fooled") | {"fooled": 1.0, "probes": 11}
    assert warnings(FINE, {"padding": few}) == ["fooled more often than not by padding (11 of 11)"]


def test_margins_unlike_those_that_were_calibrated() -> None:
    assert "unlike those on valid (p 0.001)" in warnings(FINE | {"shift_p": 0.001}, {})[0]


def test_valid_pairs_that_tell_nothing_of_a_temperature() -> None:
    assert "rest on a prior" in warnings(FINE | {"valid_accuracy": 1.0}, {})[0]
    assert "no better than chance" in warnings(FINE | {"valid_accuracy": 0.5}, {})[0]
