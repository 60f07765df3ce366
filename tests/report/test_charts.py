"""Axes are labelled with round numbers, everything drawn stays inside, and a file stands alone."""

import re
from xml.etree import ElementTree

import pytest

from mlx_reward.report.charts import reliability, reliability_svg
from mlx_reward.report.svg import Axis, Chart, Series, axis, svg_file


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
    series = [Series("dots", points, "dots"), Series("line", points), Series("", points, "bars")]
    chart = Chart("A & B", "says", x, y, series)
    drawn = svg_file(chart, "heading")
    places = re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn)
    assert len(places) == 3
    for across, up in places:
        assert 62 <= float(across) <= 468
        assert 12 <= float(up) <= 256
    assert "A &amp; B" in drawn
    assert "&lt;x&gt;" in drawn
    assert [key.series.name for key in chart.legend()] == ["dots", "line"]


def test_a_file_is_svg_with_its_own_colours_and_the_same_every_time() -> None:
    """DVC hashes it: a date in it would make every run look new."""
    rows = [{"confidence": 0.6, "share_correct": 0.7}, {"confidence": 0.9, "share_correct": 0.8}]
    drawn = reliability_svg(rows, rows, "200 test pairs")
    assert drawn == reliability_svg(rows, rows, "200 test pairs")
    root = ElementTree.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "200 test pairs"
    assert {"confidence", "share correct", "perfect", "after calibration"} <= set(texts)
    assert "prefers-color-scheme: dark" in drawn
    assert "var(" not in drawn


def test_the_band_of_chance_is_one_area_around_what_it_holds() -> None:
    rows = [
        {"confidence": 0.6, "share_correct": 0.7, "low": 0.5, "high": 0.8},
        {"confidence": 0.9, "share_correct": 0.8, "low": 0.7, "high": 1.0},
    ]
    chart = reliability(rows, rows)
    area = chart.series[0]
    assert (area.kind, area.points) == ("area", [(0.6, 0.5), (0.9, 0.7), (0.9, 1.0), (0.6, 0.8)])
    drawn = svg_file(chart, "200 test pairs")
    assert len(re.findall(r'<path class="area', drawn)) == 2  # the band and its key
    ends = [key for key in chart.legend() if key.series.name == "after calibration"]
    assert float(ends[0].position) + 30 + 6.6 * len("after calibration") < chart.width
    without = [{"confidence": 0.6, "share_correct": 0.7}]
    assert all(series.kind == "line" for series in reliability(without, without).series)
