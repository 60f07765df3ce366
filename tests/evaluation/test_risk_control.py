"""Thresholds that promise how many decisions are wrong: the promise is kept, and can be reached."""

import numpy as np
import pytest
from scipy.stats import binom

from mlx_reward.evaluation.risk_control import best_promise, find_threshold, p_value
from mlx_reward.utils.errors import InputError

Prompts = list[list[float]]


def prompts(rng: np.random.Generator, count: int, skill: float, size: int = 6) -> Prompts:
    """Draw margins of ``size`` pairs of each prompt.

    Pairs of a prompt share three quarters of the variance of what makes them right or wrong, so
    that a prompt is nearly all right or nearly all wrong.
    """
    shared = rng.normal(size=(count, 1))
    own = rng.normal(size=(count, size))
    return (skill + np.sqrt(0.75) * shared + np.sqrt(0.25) * own).tolist()


class Population:
    """100,000 pairs of as many prompts, from which the error at a threshold is known."""

    def __init__(self, skill: float) -> None:
        pairs = np.array(prompts(np.random.default_rng(0), 100_000, skill, size=1))[:, 0]
        order = np.argsort(np.abs(pairs))
        self.sizes = np.abs(pairs)[order]
        self.wrong_from = np.cumsum((pairs[order] < 0)[::-1])[::-1]

    def error_at(self, threshold: float) -> float:
        """The chance that a pair decided at ``threshold`` is wrong."""
        place = int(np.searchsorted(self.sizes, threshold))
        return float(self.wrong_from[place] / (len(self.sizes) - place))


def share_broken(
    skill: float, max_error: float, count: int, runs: int, size: int = 6, as_one: bool = True
) -> float:
    """Return how often the promise was broken; where not ``as_one``, pairs count as prompts."""
    rng = np.random.default_rng(1)
    population = Population(skill)
    broken = 0
    for _ in range(runs):
        both = np.array(prompts(rng, count, skill, size))
        parts = [both[::2], both[1::2]]
        if not as_one:
            parts = [part.reshape(-1, 1) for part in parts]
        found = find_threshold(parts[0].tolist(), parts[1].tolist(), max_error)
        broken += found is not None and population.error_at(found.margin) > max_error
    return broken / runs


@pytest.mark.parametrize(
    ("skill", "max_error", "count"), [(0.5, 0.3, 60), (0.8, 0.2, 100), (1.2, 0.1, 100)]
)
def test_the_promise_is_broken_in_at_most_one_run_of_ten(
    skill: float, max_error: float, count: int
) -> None:
    """The truth is known, prompts are clustered: at most 10 % and two standard errors."""
    runs = 250
    found = share_broken(skill, max_error, count, runs)
    assert found <= 0.1 + 2 * np.sqrt(0.1 * 0.9 / runs)


def test_pairs_taken_for_prompts_would_break_it() -> None:
    """What the test above would not see, if it were too easy."""
    assert share_broken(0.5, 0.3, 60, 100, size=12, as_one=False) > 0.2


def test_a_model_that_knows_decides_much_and_one_that_guesses_nothing() -> None:
    rng = np.random.default_rng(3)
    good = prompts(rng, 400, 1.5)
    found = find_threshold(good[::2], good[1::2], 0.1)
    assert found is not None
    assert found.coverage > 0.7
    guesses = prompts(rng, 400, 0.0)
    assert find_threshold(guesses[::2], guesses[1::2], 0.1) is None
    assert best_promise(guesses[::2], guesses[1::2]) is None
    best = best_promise(good[::2], good[1::2])
    assert best is not None
    assert find_threshold(good[::2], good[1::2], best) is not None
    assert find_threshold(good[::2], good[1::2], best - 0.01) is None


def test_22_prompts_without_an_error_are_needed_for_a_tenth() -> None:
    """0.9 ** 21 = 0.109 and 0.9 ** 22 = 0.098: an error of a tenth would show none so rarely."""
    right = [[1.0]] * 40
    assert find_threshold(right, right[:21], 0.1) is None
    found = find_threshold(right, right[:22], 0.1)
    assert found is not None
    assert (found.margin, found.coverage) == (1.0, 1.0)
    assert find_threshold(right, [*right[:37], [-1.0]], 0.1) is not None  # one wrong of 38: 0.095
    assert find_threshold(right, [*right[:36], [-1.0]], 0.1) is None  # of 37: 0.104


@pytest.mark.parametrize("wrong", [0, 1, 7, 20])
def test_p_is_the_binomial_distribution_function(wrong: int) -> None:
    found = p_value(np.array([20.0]), np.array([float(wrong)]), 0.3)
    assert found[0] == pytest.approx(binom.cdf(wrong, 20, 0.3))
    assert p_value(np.array([0.0]), np.array([0.0]), 0.3)[0] == 1


def test_ties_are_never_decided() -> None:
    prompt = [[0.0, 1.0]] * 90
    found = find_threshold(prompt, prompt, 0.2)
    assert found is not None
    assert found.coverage == 0.5


@pytest.mark.parametrize("max_error", [0.0, 0.5, -1.0, float("nan")])
def test_only_a_share_below_a_half_can_be_promised(max_error: float) -> None:
    with pytest.raises(InputError, match="max_error is"):
        find_threshold([[1.0]], [[1.0]], max_error)


def test_without_prompts_of_both_parts_nothing_is_promised() -> None:
    assert find_threshold([[1.0]], [], 0.1) is None
    assert find_threshold([], [[1.0]], 0.1) is None
