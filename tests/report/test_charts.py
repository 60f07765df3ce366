"""Axes are labelled with round numbers, everything drawn stays inside, and a file stands alone."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from mlx_reward.report.charts import curves, margins, reliability, reliability_svg, rewards
from mlx_reward.report.strips import Better, Strip
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
        assert chart.left <= float(across) <= chart.right
        assert chart.top <= float(up) <= chart.bottom
    assert "A &amp; B" in drawn
    assert "&lt;x&gt;" in drawn
    assert [key.series.name for key in chart.legend()] == ["dots", "line"]


def test_bars_stand_where_their_numbers_are_and_do_not_overlap() -> None:
    rows = [{"reward": n / 2, "chosen": n, "rejected": 4 - n} for n in range(5)]
    chart = rewards(rows)
    for series in chart.series:
        bars = chart.bars(series)
        assert len(bars) == 4  # one of five is empty
        ends = [
            (float(left), float(left) + float(width))
            for left, width in (re.findall(r"^M([\d.]+) .*h([\d.]+)V", b.path)[0] for b in bars)
        ]
        assert all(end <= start + 0.11 for (_, end), (start, _) in pairwise(ends))
        for (left, right), (x, _) in zip(ends, [p for p in series.points if p[1]], strict=True):
            middle = chart.left + chart.x.place(x) * (chart.right - chart.left)
            assert (left + right) / 2 == pytest.approx(middle, abs=0.2)
    assert chart.bars(chart.series[1])[0].tip == "1 chosen around 0.50"


def test_wrong_margins_are_red_and_right_ones_green() -> None:
    chart = margins([{"margin": n - 1.5, "pairs": n + 1} for n in range(4)])
    assert {s.color: [x for x, _ in s.points] for s in chart.series} == {
        "bad": [-1.5, -0.5],
        "good": [0.5, 1.5],
    }


def test_curves_have_train_and_valid_on_one_chart_by_trls_names() -> None:
    train = [
        {"step": n, "loss": 0.7, "accuracy": 0.5, "margin": n, "learning_rate": 1, "grad_norm": 2}
        for n in range(1, 1001)
    ]
    valid = [{"step": n, "nll": 0.6, "accuracy": 0.7, "margin": 0.1} for n in (250, 500, 1000)]
    drawn = curves(train, valid)
    assert [c.title for c in drawn] == [
        "Loss",
        "Accuracy",
        "Margin",
        "Learning rate",
        "Gradient norm",
    ]
    names = [[series.name for series in chart.series] for chart in drawn]
    assert names == [["train", "valid"]] * 3 + [["train"]] * 2
    loss = drawn[0].series
    assert loss[1].points == [(250, 0.6), (500, 0.6), (1000, 0.6)]
    assert len(loss[0].points) <= 400
    assert loss[0].points[-1] == (1000, 0.7)
    assert loss[1].tips[0] == "valid, step 250: 0.6"
    (of_an_earlier_version,) = curves([{"step": 1, "loss": 0.7}], [])
    assert of_an_earlier_version.title == "Loss"


@pytest.mark.parametrize(
    ("low", "high", "better", "side"),
    [
        (0.6, 0.7, "higher", "good"),
        (0.6, 0.7, "lower", "bad"),
        (0.2, 0.4, "higher", "bad"),
        (0.2, 0.4, "lower", "good"),
        (0.4, 0.6, "higher", "unclear"),
        (None, None, "higher", "unclear"),
        (0.5, 0.6, "higher", "unclear"),
    ],
)
def test_a_colour_says_on_which_side_a_whole_interval_lies(
    low: float | None, high: float | None, better: Better, side: str
) -> None:
    strip = Strip(Axis("", 0, 1), 0.5, low, high, reference=0.5, better=better)
    assert strip.side == side
    assert strip.zone == (("0.0", "100.0") if better == "higher" else ("100.0", "100.0"))


def test_a_file_is_svg_with_its_own_colours_and_the_same_every_time() -> None:
    """DVC hashes it: a date in it would make every run look new."""
    rows = [
        {"confidence": 0.6, "share_correct": 0.7, "pairs": 9},
        {"confidence": 0.9, "share_correct": 0.8, "pairs": 9},
    ]
    drawn = reliability_svg(rows, rows, "200 test pairs")
    assert drawn == reliability_svg(rows, rows, "200 test pairs")
    root = ElementTree.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "200 test pairs"
    assert {"confidence", "share correct", "perfect", "calibrated"} <= set(texts)
    assert "prefers-color-scheme: dark" in drawn
    assert "var(" not in drawn


def test_the_band_of_chance_is_one_area_around_what_it_holds() -> None:
    rows = [
        {"confidence": 0.6, "share_correct": 0.7, "low": 0.5, "high": 0.8, "pairs": 9},
        {"confidence": 0.9, "share_correct": 0.8, "low": 0.7, "high": 1.0, "pairs": 9},
    ]
    chart = reliability(rows, rows)
    area = chart.series[0]
    assert (area.kind, area.points) == ("area", [(0.6, 0.5), (0.9, 0.7), (0.9, 1.0), (0.6, 0.8)])
    drawn = svg_file(chart, "200 test pairs")
    assert len(re.findall(r'<path class="area', drawn)) == 2  # the band and its key
    ends = [key for key in chart.legend() if key.series.name == "calibrated"]
    assert float(ends[0].position) + 28 + 6.4 * len("calibrated") < chart.width
    without = [{"confidence": 0.6, "share_correct": 0.7, "pairs": 9}]
    assert all(series.kind != "area" for series in reliability(without, without).series)


def test_small_numbers_beside_an_axis_are_short() -> None:
    """0.0006 ran into the name of the axis."""
    rates = Axis("learning rate", 0, 1e-3)
    assert [rates.label(value) for value in (0, 6e-4, 1.5e-4, 1e-3, 0.02, 1.5)] == [
        "0",
        "6e-4",
        "1.5e-4",
        "1e-3",
        "0.02",
        "1.5",
    ]
