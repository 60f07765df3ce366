"""Bootstrap intervals over prompts."""

import numpy as np
import pytest

from mlx_reward.evaluation.intervals import draws, interval


def test_an_interval_of_independent_pairs_is_that_of_the_binomial() -> None:
    right = np.array([1.0] * 300 + [0.0] * 100)
    low, high = interval(lambda drawn: float(right[drawn].mean()), draws(range(400)))
    spread = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert (low, high) == (
        pytest.approx(0.75 - spread, abs=0.008),
        pytest.approx(0.75 + spread, abs=0.008),
    )


def test_pairs_of_one_prompt_count_as_one_observation() -> None:
    """400 pairs of 40 prompts, right or wrong together: as wide as 40 observations are."""
    prompts = [n // 10 for n in range(400)]
    right = np.array([float(p % 4 > 0) for p in prompts])
    low, high = interval(lambda drawn: float(right[drawn].mean()), draws(prompts))
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.75 * 0.25 / 40), abs=0.05)


def test_the_95_percent_interval_covers_the_truth_about_that_often() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(200):
        sample = rng.random(120) < 0.7
        low, high = interval(
            lambda drawn, sample=sample: float(sample[drawn].mean()),
            draws(range(120), replicates=200),
        )  # type: ignore[misc]
        held += low <= 0.7 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_the_same_seed_draws_the_same() -> None:
    assert all(
        np.array_equal(a, b)
        for a, b in zip(draws("aabc", replicates=5), draws("aabc", replicates=5), strict=True)
    )
