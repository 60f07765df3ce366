"""The distance from the training texts: its unit, and that it tells what is unlike them."""

import numpy as np
import pytest

from mlx_reward.evaluation.distance import fit_distance, is_far, mostly_far


def test_95_percent_of_held_out_texts_are_within_1_and_strangers_beyond() -> None:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(20, 20))
    draw = lambda count: rng.normal(size=(count, 20)) @ mixing  # noqa: E731
    distance = fit_distance(draw(500), draw(2000))
    assert (distance(draw(2000)) <= 1).mean() == pytest.approx(0.95, abs=0.02)
    strangers = rng.normal(size=(500, 20)) * np.linalg.norm(mixing) / np.sqrt(20)
    assert (distance(strangers) > 1).mean() > 0.9


def test_in_one_dimension_it_is_the_distance_in_deviations() -> None:
    """Of -1, 1, -1, 1 the deviation is 1 and nothing is shrunk. Held-out texts are at 2 deviations,
    which is the unit: 3 is at 1.5.
    """
    distance = fit_distance(np.array([[-1.0], [1.0]] * 2), np.array([[2.0]] * 3))
    assert distance(np.array([[3.0], [0.0]])) == pytest.approx([1.5, 0.0])
    assert is_far(1.5)
    assert not is_far(1.0)


def test_more_dimensions_than_texts_and_equal_texts_give_finite_distances() -> None:
    rng = np.random.default_rng(0)
    few = fit_distance(rng.normal(size=(5, 50)), rng.normal(size=(5, 50)))
    assert np.isfinite(few(rng.normal(size=(3, 50)))).all()
    equal = fit_distance(np.ones((4, 3)), np.ones((2, 3)))
    assert np.isfinite(equal(np.array([[1.0, 1, 1], [2, 2, 2]]))).all()


def test_a_file_is_said_to_be_far_where_more_than_half_of_it_is() -> None:
    assert mostly_far(0, 0) is None
    assert mostly_far(5, 10) is None
    assert "6 of 10 texts are unlike" in str(mostly_far(6, 10))
