"""Smooth calibration error against its integral, which is worked out here by brute force."""

import numpy as np
import pytest
from scipy.special import expit

from mlx_reward.evaluation.smece import smece


def by_integral(confidence: np.ndarray, correct: np.ndarray) -> float:
    """The definition: a Gaussian and its images behind 0 and 1, on a fine grid, by bisection."""
    grid = (np.arange(4000) + 0.5) / 4000

    def error(width: float) -> float:
        total = np.zeros_like(grid)
        for image in (-2, 0, 2):
            for place in (confidence + image, image - confidence):
                distance = (grid[:, None] - place) / width
                total += np.exp(-(distance**2) / 2) @ (correct - confidence)
        return float(np.abs(total).mean() / (width * np.sqrt(2 * np.pi) * len(confidence)))

    low, high = 0.002, 1.0
    while high - low > 1e-5:
        middle = (low + high) / 2
        low, high = (middle, high) if error(middle) > middle else (low, middle)
    return high


@pytest.mark.parametrize("sureness", [0.5, 1.0, 3.0])
def test_it_is_the_integral(sureness: float) -> None:
    rng = np.random.default_rng(0)
    sizes = np.abs(rng.normal(0, 2, 150))
    correct = (rng.random(150) < expit(sizes)).astype(float)
    confidence = expit(sureness * sizes)
    assert smece(confidence, correct) == pytest.approx(by_integral(confidence, correct), abs=5e-4)


def test_errors_of_one_sign_are_their_mean_wherever_they_are() -> None:
    """The kernel moves error about, and none is lost at the edge of 1."""
    assert smece(np.full(50, 1.0), np.zeros(50)) == pytest.approx(1.0)
    confidence = np.linspace(0.6, 1.0, 101)
    assert smece(confidence, confidence - 0.1) == pytest.approx(0.1, abs=1e-3)


def test_a_calibrated_model_of_many_pairs_has_almost_none() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.5, 1, 50_000)
    assert smece(confidence, (rng.random(50_000) < confidence).astype(float)) < 0.01
    assert smece(np.full(10, 0.5), np.full(10, 0.5)) == 0.0
