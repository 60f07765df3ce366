"""Risk against coverage, by hand."""

import numpy as np
import pytest

from mlx_reward.evaluation.selective import aurc, coverage_at, risks

MARGINS = np.array([0.5, -3.0, 4.0, 0.0, 2.0])  # by size: right, wrong, right, right, a tie


def test_risks_area_and_coverage_by_hand() -> None:
    """Of the 1, 2, 3, 4, 5 surest 0, 1, 1, 1, 1.5 are wrong."""
    assert risks(MARGINS) == pytest.approx([0, 1 / 2, 1 / 3, 1 / 4, 0.3])
    assert aurc(MARGINS) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4 + 0.3) / 5)
    assert coverage_at(MARGINS, 0.1) == pytest.approx(0.2)
    assert coverage_at(MARGINS, 0.25) == pytest.approx(0.8)
    assert coverage_at(MARGINS, 0.3) == 1.0
    assert coverage_at(-np.ones(3), 0.1) == 0.0


def test_the_area_is_smaller_the_more_confidence_tells() -> None:
    rng = np.random.default_rng(0)
    right = rng.random(2000) < 0.8
    sizes = rng.random(2000)
    blind = np.where(right, 1, -1) * sizes
    seeing = np.where(right, 1 + sizes, -sizes)
    assert aurc(blind) == pytest.approx(0.2, abs=0.03)
    assert aurc(seeing) < 0.05
