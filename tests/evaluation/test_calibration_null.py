"""What a calibrated model shows: closed forms, and promises held against simulated truths."""

from math import comb

import numpy as np
import pytest
from scipy.special import expit, logit, ndtr

from mlx_reward.evaluation.calibration_null import (
    CalibrationNull,
    calibration_null,
    ece_or_none,
    fold,
    shared_decisions,
)
from mlx_reward.evaluation.metrics import ece, reliability

BINS = 15


def calibrated(prompts: int, each: int, rng: np.random.Generator, dependence: float) -> np.ndarray:
    """Logits (prompts * each,) of a calibrated model that is right and wrong prompt by prompt.

    A decision is right where a normal number lies below the quantile of its confidence; so much of
    that number's variance as ``dependence`` says is common to the prompt.
    """
    sizes = np.abs(rng.normal(0, 1.8, (prompts, each)))
    common = rng.normal(size=(prompts, 1))
    own = rng.normal(size=(prompts, each))
    number = ndtr(np.sqrt(dependence) * common + np.sqrt(1 - dependence) * own)
    return np.where(number < expit(sizes), sizes, -sizes).ravel()


def test_the_ece_is_that_of_the_reliability_diagram() -> None:
    logits = np.append(np.random.default_rng(0).normal(0.5, 2.0, 300), [0.0, 0.0])
    assert fold(logits, BINS).ece == pytest.approx(ece(reliability(logits, BINS)), abs=1e-12)


def test_mean_band_and_p_by_hand() -> None:
    """One bin of 4 pairs of confidence 3/4: k right in C(4,k) (3/4)^k (1/4)^(4-k) of cases.

    The ECE is |k/4 - 3/4|. Of two right it is 1/4, as of four; none or one gives more.
    """
    logits = logit(0.75) * np.array([1.0, 1.0, -1.0, -1.0])
    null = calibration_null(logits, range(4), bins=1, draws=20_000)
    chances = [comb(4, k) * 0.75**k * 0.25 ** (4 - k) for k in range(5)]
    mean = sum(chance * abs(k / 4 - 0.75) for k, chance in enumerate(chances))
    assert null.mean == pytest.approx(mean, abs=0.003)
    assert null.p == pytest.approx(1 - chances[3], abs=0.01)
    assert [float(end[0]) for end in null.band] == [0.25, 1.0]


def test_a_tie_of_the_model_is_one_half_right_in_every_draw() -> None:
    null = calibration_null(np.zeros(6), range(6), bins=2)
    assert (null.mean, null.p, null.debiased) == (0.0, 1.0, 0.0)


def test_the_null_of_few_pairs_is_far_from_zero() -> None:
    """Why there is a null: a bar of 0.10 on plain ECE refuses half of the perfect models here."""
    logits = calibrated(150, 1, np.random.default_rng(0), 0)
    null = calibration_null(logits, range(150), BINS)
    assert null.mean == pytest.approx(0.10, abs=0.01)
    assert null.mean < null.upper < 0.16
    assert null.chance_of_reaching(0.10) < 0.1


@pytest.mark.parametrize("dependence", [0.0, 0.3])
def test_p_is_small_for_calibrated_models_as_seldom_as_it_says(dependence: float) -> None:
    """36 prompts of 28 pairs: a null of independent pairs has p < .05 in one of five, not of 20."""
    by_prompt = np.repeat(range(36), 28).tolist()
    by_pair = list(range(len(by_prompt)))
    assert _share_of_small_p(dependence, by_prompt) <= 0.10
    if dependence:
        assert _share_of_small_p(dependence, by_pair) >= 0.15


def _share_of_small_p(dependence: float, clusters: list[int]) -> float:
    """Return how often p is at most .05, of 100 calibrated models with 36 prompts of 28 pairs."""
    rng = np.random.default_rng(7)
    ps = [
        calibration_null(calibrated(36, 28, rng, dependence), clusters, BINS, draws=99).p
        for _ in range(100)
    ]
    return float(np.mean(np.array(ps) <= 0.05))


def test_how_many_decisions_are_shared() -> None:
    """All of them, half of them, none."""
    rng = np.random.default_rng(0)
    prompts, each = 400, 6
    sizes = np.abs(rng.normal(0, 1.5, prompts * each))
    common = np.repeat(rng.random(prompts), each)
    clusters = np.arange(prompts * each).reshape(prompts, each)
    for share in (0.0, 0.5, 1.0):
        number = np.where(rng.random(len(sizes)) < share, common, rng.random(len(sizes)))
        folded = fold(np.where(number < expit(sizes), sizes, -sizes), BINS)
        found = shared_decisions(folded, [folded.rank[members] for members in clusters])
        assert found == pytest.approx(share, abs=0.15), share


def test_the_debiased_ece_is_right_on_average_near_the_bar() -> None:
    """Twice as sure as it should be, 480 pairs; ECE less the null's mean falls well short."""
    rng = np.random.default_rng(1)
    truth = fold(2 * calibrated(300_000, 1, rng, 0), BINS).ece
    nulls = [_null(2 * calibrated(480, 1, rng, 0)) for _ in range(60)]
    assert 0.08 < truth < 0.12
    assert np.mean([null.debiased for null in nulls]) == pytest.approx(truth, abs=0.01)
    assert np.mean([null.folded.ece - null.mean for null in nulls]) < truth - 0.02


def test_of_a_calibrated_model_it_is_about_zero_and_of_a_hopeless_one_all_of_it() -> None:
    rng = np.random.default_rng(2)
    found = [_null(calibrated(1000, 1, rng, 0)).debiased for _ in range(30)]
    assert np.mean(found) < 0.015
    hopeless = np.where(np.arange(1000) % 2, 9.0, -9.0)  # sure, and right in half of the cases
    assert _null(hopeless).debiased == pytest.approx(0.5, abs=0.01)
    assert _null(hopeless).p == 1 / 201  # the model itself is one of the draws


def test_the_chance_to_be_refused_is_that_of_the_debiased_ece() -> None:
    """An overconfident model: simulated anew, its debiased ECE reaches the bar as often as said."""
    rng = np.random.default_rng(3)
    sizes = np.abs(rng.normal(0.8, 0.6, 480)) + 0.4
    truth = np.clip(expit(sizes) - 0.08, 0, 1)  # too sure by 0.08

    def decisions() -> np.ndarray:
        return np.where(rng.random(480) < truth, sizes, -sizes)

    reached = np.mean([_null(decisions()).debiased >= 0.10 for _ in range(150)])
    assert _null(decisions()).chance_of_reaching(0.10, 0.08) == pytest.approx(reached, abs=0.12)


def test_under_a_hundred_pairs_there_is_no_ece() -> None:
    assert ece_or_none(np.ones(99), BINS) is None
    assert ece_or_none(np.ones(100), BINS) == pytest.approx(1 - expit(1.0))


def _null(logits: np.ndarray) -> CalibrationNull:
    return calibration_null(logits, range(len(logits)), BINS, draws=200)
