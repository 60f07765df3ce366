"""Axes are labelled with round numbers, and everything drawn stays inside the picture."""

import re

import pytest

from mlx_reward.report.charts import Axis, Series, axis, chart


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-4.3, 6.4, [-4, -2, 0, 2, 4, 6]),
        (0.76, 1.0, [0.8, 0.85, 0.9, 0.95, 1.0]),
        (0, 88, [0, 20, 40, 60, 80]),
        (3, 3, [3]),
    ],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert Axis("x", low, high).ticks() == pytest.approx(ticks)


def test_points_stay_inside_and_text_is_escaped() -> None:
    points = [(-273.0, 4.7), (0.0, -3.2), (272.0, 1.0)]
    x, y = axis("<x>", [p[0] for p in points]), axis("y", [p[1] for p in points])
    drawn = chart("A & B", "says", x, y, [Series("dots", points, "dots"), Series("line", points)])
    for across, up in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn):
        assert 62 <= float(across) <= 468
        assert 12 <= float(up) <= 256
    assert "A &amp; B" in drawn
    assert "&lt;x&gt;" in drawn
    assert drawn.count('class="key') == 2
