"""Temperature: properties of the optimum, and refusal in words where there is none."""

import dataclasses
import json

import numpy as np
import pytest
from scipy.special import expit

from mlx_reward.evaluation.calibration import Calibrator, fit_member, isotonic
from mlx_reward.evaluation.cross_validation import compared
from mlx_reward.evaluation.metrics import accuracy, nll
from mlx_reward.evaluation.temperature import fit_temperature
from mlx_reward.utils.errors import InputError


def outcomes(temperature: float, count: int = 5000, seed: int = 0) -> np.ndarray:
    """Margins whose right temperature is ``temperature``."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, count)
    return temperature * np.where(rng.random(count) < expit(logits), logits, -logits)


@pytest.mark.parametrize("temperature", [1e-3, 0.3, 1.0, 7.0, 1e4])
def test_the_true_temperature_is_found_at_any_scale(temperature: float) -> None:
    assert fit_temperature(outcomes(temperature)) == pytest.approx(temperature, rel=0.08)


def test_nll_is_no_worse_and_accuracy_the_same() -> None:
    margins = outcomes(3.0)
    temperature = fit_temperature(margins)
    assert nll(margins / temperature) < nll(margins)
    assert accuracy(margins / temperature) == accuracy(margins)


@pytest.mark.parametrize("factor", [0.98, 1.02])
def test_it_is_a_minimum(factor: float) -> None:
    margins = outcomes(3.0)
    best = fit_temperature(margins)
    assert nll(margins / best) < nll(margins / (best * factor))


@pytest.mark.parametrize(
    ("margins", "reason"),
    [
        ([], "valid set is empty"),
        ([1.0, 2.0, 0.5], "separates all 3 valid pairs"),
        ([1.0, -2.0], "prefers the rejected"),
        ([0.0, 0.0], "prefers the rejected"),
        ([1.0, float("nan")], "not finite"),
    ],
)
def test_no_optimum_is_refused_in_words(margins: list[float], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        fit_temperature(np.array(margins, dtype=np.float64))


def test_isotonic_wins_where_temperature_cannot_follow_and_costs_little_where_it_can() -> None:
    """A model whose confidence saturates: margins beyond 1 are no surer than 1."""
    rng = np.random.default_rng(0)
    size = rng.uniform(0, 20, 4000)
    margins = np.where(rng.random(4000) < expit(np.minimum(size, 1.0)), size, -size)
    found = compared(margins, range(4000), bins=15)
    assert found["cv_nll_isotonic"] < found["cv_nll_temperature"] - 0.005  # type: ignore[operator]  # numbers here
    well = compared(outcomes(2.0), range(5000), bins=15)
    assert well["cv_nll_isotonic"] == pytest.approx(well["cv_nll_temperature"], abs=0.01)  # type: ignore[operator]


def test_isotonic_is_the_same_both_ways_round_and_never_certain() -> None:
    margins = outcomes(1.0, 300)
    log_odds = isotonic(margins)
    assert log_odds(-margins) == pytest.approx(-log_odds(margins))
    assert np.abs(log_odds(np.array([1e6]))).max() < 7


def test_isotonic_changes_no_decision() -> None:
    """Plain isotonic regression is flat in places: close pairs would turn into ties."""
    smallest = [0.001, -0.002, -0.003]  # mostly wrong: a step over zero
    margins = np.concatenate([outcomes(1.0, 400), smallest])
    log_odds = isotonic(margins)
    assert accuracy(log_odds(margins)) == accuracy(margins)
    inside = np.linspace(0, log_odds.knots[-1][0], 200)
    assert (np.diff(log_odds(inside)) > 0).all()


def test_a_calibrator_survives_its_file_and_a_member_without_its_own_takes_the_ensembles() -> None:
    margins = outcomes(1.0, 300)
    log_odds = isotonic(margins)
    assert Calibrator.read(json.loads(json.dumps(dataclasses.asdict(log_odds)))) == log_odds
    assert Calibrator.read({"temperature": 2}) == Calibrator(2.0)
    assert fit_member("isotonic", -np.abs(margins), log_odds) is log_odds


def test_what_cannot_be_compared_is_null() -> None:
    found = compared(np.array([1.0, 2.0]), ["a", "b"], bins=15)
    assert found["cv_nll_temperature"] is None
