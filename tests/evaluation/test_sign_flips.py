"""Sign flips against every sign change written out, McNemar's test, and their promise."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest

from mlx_reward.evaluation import sign_flips
from mlx_reward.evaluation.sign_flips import holm, sign_flip_p

RNG = np.random.default_rng(0)


def test_one_pair_a_prompt_without_ties_is_mcnemars_exact_test() -> None:
    differences = np.array([1.0] * 8 + [-1.0] * 2 + [0.0] * 50)
    assert sign_flip_p(differences, range(60)) == pytest.approx(binomtest(8, 10).pvalue, rel=1e-12)


def test_by_every_sign_change() -> None:
    differences = RNG.choice([-1.0, -0.5, 0.0, 0.5, 1.0], 40, p=[0.1, 0.1, 0.3, 0.2, 0.3])
    clusters = RNG.integers(0, 9, 40)
    sums = np.bincount(clusters, weights=differences)
    flipped = [abs(float(np.dot(signs, sums))) for signs in product([1, -1], repeat=9)]
    expected = np.mean(np.array(flipped) >= abs(sums.sum()))
    assert sign_flip_p(differences, clusters.tolist()) == pytest.approx(expected)


def test_pairs_of_one_prompt_are_one_observation() -> None:
    """However many pairs: five prompts can be no surer than 2 in 2^5."""
    assert sign_flip_p(np.ones(500), np.repeat(range(5), 100).tolist()) == 2 / 32


def test_models_that_decide_alike_are_alike() -> None:
    assert sign_flip_p(np.zeros(3), range(3)) == 1.0
    assert sign_flip_p(np.array([1.0, -1.0]), range(2)) == 1.0


def test_equal_models_are_told_apart_in_one_of_twenty_cases() -> None:
    """24 prompts of 60 pairs whose skill differs from prompt to prompt: McNemar's p was below
    0.05 in 19 of 100.
    """
    clusters = np.repeat(range(24), 60).tolist()
    alarms = 0
    for _ in range(300):
        skill = 1 / (1 + np.exp(-RNG.normal(1, 0.3, (2, 24, 1)) - RNG.normal(0, 0.3, (1, 24, 1))))
        first, second = (RNG.random((2, 24, 60)) < skill).astype(float)
        alarms += sign_flip_p((first - second).ravel(), clusters) < 0.05
    assert alarms / 300 < 0.08


def test_many_clusters_are_normal(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = RNG.choice([-1.0, 0.0, 1.0], 6000, p=[0.1, 0.78, 0.12])
    clusters = np.repeat(range(1000), 6).tolist()
    exact = sign_flip_p(differences, clusters)
    monkeypatch.setattr(sign_flips, "EXACT_STEPS", 0)
    assert sign_flip_p(differences, clusters) == pytest.approx(exact, rel=0.1)


def test_holm_by_hand() -> None:
    """3 * 0.01, then 2 * 0.04, then 0.06, which may not be below the one before it."""
    found = holm({"a": 0.04, "b": 0.01, "c": 0.06})
    assert found == pytest.approx({"a": 0.08, "b": 0.03, "c": 0.08})
    assert list(found) == ["a", "b", "c"]
    assert holm({"a": 0.7, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}
