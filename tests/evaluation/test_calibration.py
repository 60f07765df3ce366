"""Temperature: properties of the optimum, and refusal in words where there is none."""

import dataclasses
import json
import math

import numpy as np
import pytest
from scipy.special import expit

from mlx_reward.evaluation.calibration import isotonic
from mlx_reward.evaluation.calibrator import Calibrator
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
        ([], "no pairs to fit a temperature to"),
        ([1.0, float("nan")], "not finite"),
    ],
)
def test_no_optimum_is_refused_in_words(margins: list[float], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        fit_temperature(np.array(margins, dtype=np.float64))


def test_pairs_that_are_all_right_leave_confidence_to_the_prior() -> None:
    """Of equal margins it is exactly (P + 1) / (P + 2), as of P right and one more either way."""
    for count in (1, 10, 384):
        margins = np.full(count, 3.0)
        confidence = expit(margins[0] / fit_temperature(margins))
        assert confidence == pytest.approx((count + 1) / (count + 2), abs=1e-4)
    spread = np.abs(outcomes(1.0, 384))
    assert 0.99 < expit(np.median(spread) / fit_temperature(spread)) < 1


def test_the_prior_is_hardly_felt_where_there_are_data() -> None:
    found = [fit_temperature(outcomes(2.0, 384, seed)) for seed in range(60)]
    assert np.mean(found) == pytest.approx(2.0, rel=0.03)


@pytest.mark.parametrize("margins", [[1.0, -2.0], [-1.0, -0.5], [0.0, 0.0], [0.0, -1.0]])
def test_a_model_that_is_wrong_is_as_unsure_as_can_be(margins: list[float]) -> None:
    """It stopped the run once, before there was a report that could say so."""
    values = np.array(margins)
    logits = values / fit_temperature(values)
    assert np.abs(expit(logits) - 0.5).max() < 0.005


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


@pytest.mark.parametrize("count", [100, 384, 5000])
def test_isotonic_never_claims_what_the_truth_does_not_hold(count: int) -> None:
    """Right in at most 0.90 of cases; the last step, a few pairs all right, claimed over 0.99."""
    rng = np.random.default_rng(0)
    for _ in range(40):
        size = rng.uniform(0, 20, count)
        right = rng.random(count) < expit(np.minimum(size, 2.2))
        log_odds = isotonic(np.where(right, size, -size))
        assert expit(log_odds.knots[-1][1]) < 0.99


def test_isotonic_adds_a_right_and_a_wrong_pair_to_each_step() -> None:
    """By hand: a step of 3 right and 1 wrong, then one of 4 right: 4/6 and 5/6."""
    log_odds = isotonic(np.array([1.0, 1.1, 1.2, -1.3, 5.0, 5.1, 5.2, 5.3]))
    assert expit(log_odds(np.array([1.0, 1.3, 5.0, 5.3]))) == pytest.approx(
        [4 / 6, 4 / 6, 5 / 6, 5 / 6], abs=1e-4
    )


def test_isotonic_still_rises_where_a_short_step_shrinks_beyond_a_long_one() -> None:
    """19 of 20 right makes 20/22, and 2 of 2 only 3/4: together 23/26."""
    margins = np.concatenate([np.linspace(1, 2, 19), [-1.5], [5.0, 5.1]])
    margins = np.concatenate([[-0.9], margins])  # 1 wrong below, in the step of zero
    found = expit(isotonic(margins)(np.array([1.9, 5.1])))
    assert found[0] == pytest.approx(found[1], abs=1e-3)


def test_isotonic_changes_no_decision() -> None:
    """Plain isotonic regression is flat in places: close pairs would turn into ties."""
    smallest = [0.001, -0.002, -0.003]  # mostly wrong: a step over zero
    margins = np.concatenate([outcomes(1.0, 400), smallest])
    log_odds = isotonic(margins)
    assert accuracy(log_odds(margins)) == accuracy(margins)
    inside = np.linspace(0, log_odds.knots[-1][0], 200)
    assert (np.diff(log_odds(inside)) > 0).all()


def test_a_calibrator_survives_its_file() -> None:
    margins = outcomes(1.0, 300)
    log_odds = isotonic(margins)
    assert Calibrator.read(json.loads(json.dumps(dataclasses.asdict(log_odds)))) == log_odds
    assert Calibrator.read({"temperature": 2}) == Calibrator(2.0)


def test_what_cannot_be_compared_is_null() -> None:
    """One prompt leaves none to fit on; under 100 pairs an ECE would be noise."""
    found = compared(np.array([1.0, 2.0]), ["a", "a"], bins=15)
    assert found["cv_nll_temperature"] is None
    few = compared(outcomes(2.0, 99), range(99), bins=15)
    assert few["cv_nll_temperature"] is not None
    assert few["cv_ece_temperature"] is None


def test_no_method_is_measured_on_pairs_it_was_fitted_on() -> None:
    """Margins that say nothing: fitted to the same pairs, a curve would seem to say something."""
    noise = np.random.default_rng(0).normal(size=150)
    in_sample = nll(isotonic(noise)(noise))
    found = compared(noise, range(150), bins=15)
    assert in_sample < math.log(2)
    assert found["cv_nll_isotonic"] > math.log(2)  # type: ignore[operator]  # a number here
