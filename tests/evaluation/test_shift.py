"""The test of a shift raises no alarm on one distribution, and sees another."""

import numpy as np

from mlx_reward.evaluation import shift as module
from mlx_reward.evaluation.shift import by_cluster, shift

RNG = np.random.default_rng(0)
Clusters = list[list[float]]


def ranked(prompts: int, scale: float = 1.0, rng: np.random.Generator = RNG) -> Clusters:
    """The six pairs of four ranked responses to each prompt, in the order of combinations."""
    first, second = np.triu_indices(4, 1)
    rewards = np.arange(4)[::-1] * 0.8 + rng.normal(0, 0.6, (prompts, 4))
    rewards *= scale * rng.lognormal(0, 0.4, (prompts, 1))  # prompts differ in how sure one can be
    return (rewards[:, first] - rewards[:, second]).tolist()


def test_one_distribution_raises_no_alarm() -> None:
    alarms = [shift(ranked(16), ranked(20)) < 0.05 for _ in range(80)]
    assert np.mean(alarms) < 0.13  # 0.05 with the noise of 80


def test_another_distribution_does() -> None:
    assert shift(ranked(64), ranked(80, scale=2.0)) < 0.001
    assert shift(ranked(64), [[-margin for margin in prompt] for prompt in ranked(80)]) > 0.01


def test_equal_margins_lie_at_no_distance() -> None:
    """Taken one by one, those of valid come before those of test, as far apart as can be."""
    assert shift([[1.0]] * 30, [[-1.0]] * 30) == 1.0


def test_by_hand() -> None:
    """One and two clusters: of the three ways to deal them, two are as far apart as this one.

    Sizes 1 against 2 and 3 are 1 apart; so are 3 against 1 and 2; 2 against the others only 0.5.
    """
    p = shift([[1.0]], [[2.0], [-3.0]])
    assert abs(p - 2 / 3) < 0.04


def test_clusters_stay_whole_and_are_drawn_by_lot() -> None:
    """Where margins are many, every k-th pair would be the same comparison of each prompt."""
    margins = np.array(ranked(4000)).ravel()
    clusters = np.repeat(range(4000), 6).tolist()
    sample = by_cluster(margins, clusters)
    assert 10_000 <= sum(map(len, sample)) < 10_006
    assert {len(cluster) for cluster in sample} == {6}
    assert abs(np.mean(sample) - margins.mean()) < 0.05
    assert sample == by_cluster(margins, clusters)
    assert shift(sample, ranked(1200)) > 0.01


def test_all_margins_are_kept_where_they_are_few() -> None:
    found = by_cluster(np.array([1.0, 2.0, -3.25]), ["a", "b", "a"])
    assert found == [[1.0, -3.25], [2.0]]
    assert module.SAMPLE >= 1000
