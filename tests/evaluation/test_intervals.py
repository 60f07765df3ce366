"""Intervals hold the truth about as often as they promise, and their parts what books say.

benchmarks/coverage.py simulates more designs and prints the table.
"""

import math
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from mlx_reward.evaluation import intervals
from mlx_reward.evaluation.intervals import (
    CHANGE,
    CORRELATION,
    POSITIVE,
    UNIT,
    Estimate,
    mean_estimate,
    share_estimate,
    statistic_estimate,
)

Rng = np.random.Generator
Sample = Callable[[Rng], Estimate]


def covered(sample: Sample, truth: float, repeats: int = 400) -> float:
    """The share of the intervals of ``repeats`` samples that hold ``truth``."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(repeats):
        _, low, high = sample(rng)
        assert low is not None
        assert high is not None
        held += low - 1e-12 <= truth <= high + 1e-12
    return held / repeats


def prompts(clusters: int, pairs: int = 6) -> list[int]:
    return np.repeat(np.arange(clusters), pairs).tolist()


def right_together(rng: Rng, clusters: int, share: float, pairs: int = 6) -> np.ndarray:
    """Pairs of a cluster are right with one chance, drawn from a beta of correlation 0.2."""
    chance = rng.beta(4 * share, 4 * (1 - share), clusters)
    return (rng.random((clusters, pairs)) < chance[:, None]).astype(float).ravel()


@pytest.mark.parametrize("clusters", [12, 20, 80])
def test_intervals_of_shares_cover_the_truth(clusters: int) -> None:
    def sample(rng: Rng) -> Estimate:
        return share_estimate(right_together(rng, clusters, 0.77), prompts(clusters))

    assert 0.93 <= covered(sample, 0.77) <= 0.98


@pytest.mark.parametrize("clusters", [5, 12])
def test_intervals_of_losses_cover_the_truth(clusters: int) -> None:
    """Skewed means, whose logarithm is the scale; clusters as unlike as these are hard for any."""

    def losses(rng: Rng) -> Estimate:
        values = rng.gamma(0.8, size=(clusters, 1)) * rng.gamma(2.0, size=(clusters, 6))
        return mean_estimate(values.ravel(), prompts(clusters), POSITIVE)

    assert 0.89 <= covered(losses, 1.6) <= 0.98


@pytest.mark.parametrize("clusters", [24, 40])
def test_intervals_of_means_at_an_end_of_their_range_cover_the_truth(clusters: int) -> None:
    def ranks(rng: Rng) -> Estimate:
        values = rng.choice([1.0, 0.8, 0.4, 0.0, -0.4], clusters, p=[0.7, 0.15, 0.05, 0.05, 0.05])
        return mean_estimate(values, range(clusters), CORRELATION)

    def nearly_perfect(rng: Rng) -> Estimate:
        values = 1 - 0.2 * rng.binomial(3, 0.08, clusters)
        return mean_estimate(values, range(clusters), CORRELATION)

    assert 0.92 <= covered(ranks, 0.82) <= 0.98
    assert 0.92 <= covered(nearly_perfect, 0.952) <= 0.98


def test_pairs_of_one_prompt_count_as_one_observation() -> None:
    """400 pairs of 40 prompts, right or wrong together: as wide as 40 observations are."""
    right = np.repeat([1.0, 1.0, 1.0, 0.0], 100)
    _, low, high = share_estimate(right, prompts(40, 10))
    alone = share_estimate(right[::10], range(40))
    assert low == pytest.approx(alone.low, abs=0.02)
    assert high == pytest.approx(alone.high, abs=0.02)
    apart = share_estimate(right, range(400))
    assert apart.high - apart.low < 0.4 * (high - low)  # type: ignore[operator]


def test_wilsons_interval_by_hand() -> None:
    """12 of 12 with t(33) = 2.0345153: from 12 / (12 + 4.1392525) on."""
    found = share_estimate(np.ones(12), range(12))
    assert found == (1.0, pytest.approx(12 / (12 + 2.0345153**2), abs=1e-6), pytest.approx(1))
    zero = share_estimate(np.zeros(12), range(12))
    assert zero.high == pytest.approx(1 - found.low)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("clusters", "estimate"),
    [
        (12, share_estimate),
        (24, lambda values, of: mean_estimate(values, of, UNIT)),
        (24, lambda values, of: mean_estimate(values, of, CORRELATION)),
        (16, lambda values, of: mean_estimate(values, of, CHANGE)),
        (5, lambda values, of: mean_estimate(values, of, POSITIVE)),
        (24, lambda values, of: statistic_estimate(lambda at: values[at].mean(), of, UNIT)),
    ],
)
def test_of_few_clusters_there_is_a_value_and_no_interval(
    clusters: int, estimate: Callable[[np.ndarray, list[int]], Estimate]
) -> None:
    """However many pairs they have."""
    values = np.arange(clusters) % 2.0
    enough = estimate(np.repeat(values, 9), prompts(clusters, 9))
    assert enough.low is not None
    assert enough.high is not None
    few = values[:-1]
    value = pytest.approx(few.mean())
    assert estimate(np.repeat(few, 9), prompts(clusters - 1, 9)) == (value, None, None)


def test_equal_values_have_no_interval_of_width_zero() -> None:
    at_bound = mean_estimate(np.ones(24), range(24), CORRELATION)
    assert at_bound.high == 1.0
    assert at_bound.low is not None
    assert at_bound.low < 0.8
    inside = mean_estimate(np.full(24, 0.5), range(24), CORRELATION)
    assert inside.low < 0.48  # type: ignore[operator]  # half a cluster may lie anywhere
    assert inside.high > 0.52  # type: ignore[operator]
    assert mean_estimate(np.full(24, 0.5), range(24), CHANGE) == (0.5, None, None)
    assert mean_estimate(np.full(24, 0.5), range(24), POSITIVE) == (0.5, None, None)


def test_a_mean_is_the_statistic_of_its_own_jackknife() -> None:
    rng = np.random.default_rng(0)
    values, clusters = rng.random(120), (np.arange(120) % 30).tolist()
    direct = mean_estimate(values, clusters, UNIT)
    jackknifed = statistic_estimate(lambda at: float(values[at].mean()), clusters, UNIT)
    assert jackknifed == pytest.approx(direct, rel=1e-9)


def test_groups_of_many_clusters_are_left_out_together(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random(3000)
    calls: list[int] = []

    def mean(at: np.ndarray) -> float:
        calls.append(len(at))
        return float(values[at].mean())

    grouped = statistic_estimate(mean, prompts(1000, 3), UNIT)
    assert calls == [3000] + [2985] * 200
    monkeypatch.setattr(intervals, "JACKKNIFE_GROUPS", 1000)
    alone = statistic_estimate(mean, prompts(1000, 3), UNIT)
    assert grouped.low == pytest.approx(alone.low, abs=0.003)


def test_the_rarer_kind_of_pair_sets_how_sure_a_comparison_of_kinds_is() -> None:
    values = np.random.default_rng(0).random(180)

    def estimate(scarce: np.ndarray | None) -> Estimate:
        return statistic_estimate(
            lambda at: float(values[at].mean()), prompts(60, 3), UNIT, scarce=scarce
        )

    wide = estimate(np.arange(180) < 72)  # in 24 clusters
    narrow = estimate(None)
    assert wide.high - wide.low > narrow.high - narrow.low  # type: ignore[operator]
    assert estimate(np.arange(180) < 69) == (wide.value, None, None)
    assert estimate(np.arange(180) >= 111) == (wide.value, None, None)


def test_degrees_of_freedom_against_the_matrices_of_bell_and_mccaffrey() -> None:
    assert intervals._freedom(np.full(12, 6.0)) == pytest.approx(11)
    sizes = np.random.default_rng(0).integers(1, 30, 15).astype(float)
    total = sizes.sum()
    residual = np.eye(15) - np.outer(sizes, np.ones(15)) / total
    scale = np.diag(1 / (total - sizes))
    covariance = scale @ residual @ np.diag(sizes**2) @ residual.T @ scale
    expected = np.trace(covariance) ** 2 / np.trace(covariance @ covariance)
    assert intervals._freedom(sizes) == pytest.approx(expected)
    one_huge = np.array([1000.0, *np.ones(30)])
    assert 1 <= intervals._freedom(one_huge) < 1.1


def test_the_jackknife_variance_by_hand() -> None:
    """Three clusters of means 0, 1 and 2 and one size: their variance of the mean is 1 / 3."""
    assert intervals._jackknife_variance(np.array([0.0, 2.0, 4.0]), np.full(3, 2.0)) == (
        pytest.approx(1 / 3)
    )


def test_a_positive_mean_has_the_interval_of_its_logarithm() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    value, low, high = mean_estimate(values, range(5), POSITIVE)
    factor = math.exp(2.7764451 * math.sqrt(2.5 / 5) / 3)  # t(4), variance 2.5 of 5 values
    assert (value, low, high) == (3.0, pytest.approx(3 / factor), pytest.approx(3 * factor))


def test_memory_does_not_grow_with_repeats() -> None:
    """Intervals of 100,000 pairs take the memory of a few arrays of them."""
    values = np.random.default_rng(0).random(100_000)
    clusters = prompts(50_000, 2)
    tracemalloc.start()
    statistic_estimate(lambda at: float(values[at].mean()), clusters, UNIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
