"""Scores that comparisons imply."""

import numpy as np
import pytest
from scipy.special import expit

from mlx_reward.evaluation.bradley_terry import PRECISION, bradley_terry, share_ordered


def arrays(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    won, lost = zip(*pairs, strict=True)
    return np.array(won), np.array(lost)


def test_two_responses_by_hand() -> None:
    """3 wins to 1: the difference is log 3, but for the weak prior."""
    scores = bradley_terry(2, *arrays([(0, 1)] * 3 + [(1, 0)]))
    assert scores[0] - scores[1] == pytest.approx(np.log(3), abs=0.02)
    assert scores.sum() == pytest.approx(0, abs=1e-8)


def test_the_gradient_of_the_posterior_vanishes() -> None:
    rng = np.random.default_rng(0)
    won, lost = arrays([(int(a), int(b)) for a, b in rng.integers(8, size=(60, 2)) if a != b])
    scores = bradley_terry(8, won, lost)

    def posterior(at: np.ndarray) -> float:
        return float(np.log(expit(at[won] - at[lost])).sum() - PRECISION / 2 * (at**2).sum())

    for response in range(8):
        nudge = np.eye(8)[response] * 1e-5
        slope = (posterior(scores + nudge) - posterior(scores - nudge)) / 2e-5
        assert slope == pytest.approx(0, abs=1e-5)


def test_scores_contradict_no_comparison_where_none_contradicts_another() -> None:
    """One who beat one strong response only is above it, though that one beat ten weak ones."""
    pairs = [(0, 1)] + [(1, weak) for weak in range(2, 12)]
    scores = bradley_terry(12, *arrays(pairs))
    assert scores[0] > scores[1] > scores[2]
    assert len(set(scores[2:])) == 1  # equal ones tie


def test_how_much_of_the_order_is_known() -> None:
    chain = [(0, 1), (1, 2), (2, 3)]
    assert share_ordered(4, *arrays(chain)) == 1.0
    assert share_ordered(4, *arrays([(0, 1), (0, 2), (0, 3)])) == 0.5
    assert share_ordered(3, *arrays([(0, 1), (1, 2), (2, 0)])) == 1.0  # a circle ranks all alike
