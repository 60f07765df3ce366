"""The charts, one function each: from rows of metrics/plots to a chart."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlx_reward.report.svg import Axis, Chart, Point, Series, axis, svg_file

Rows = Sequence[Mapping[str, Any]]
DOTS = 600  # of the chart of lengths: more would only hide one another


def reliability(before: Rows, after: Rows) -> Chart:
    """Draw how many pairs are decided right against how confident the model is.

    The band is what chance makes of perfect calibration, where ``after`` has its ends.
    """
    series = [
        Series("chance", _band(after), "area", color=3),
        Series("perfect", [(0.5, 0.5), (1, 1)], color=3),
        Series("before", _points(before, "confidence", "share_correct"), color=2),
        Series("after calibration", _points(after, "confidence", "share_correct")),
    ]
    return Chart(
        title="Reliability",
        description="Of pairs decided with a given confidence, the share decided right. Each point "
        "of a perfectly calibrated model lies in the grey band in 95 % of cases.",
        x=Axis("confidence", 0.5, 1),
        y=Axis("share correct", 0, 1),
        series=[s for s in series if s.points],
    )


def _band(rows: Rows) -> list[Point]:
    """Return the points around the band: along its lower ends and back along its upper ones."""
    if not rows or "low" not in rows[0]:
        return []
    return _points(rows, "confidence", "low") + _points(rows, "confidence", "high")[::-1]


def reliability_svg(before: Rows, after: Rows, heading: str) -> str:
    """Return the reliability chart as a file of its own, for the README."""
    return svg_file(reliability(before, after), heading)


def margins(rows: Rows) -> Chart:
    """Draw how many pairs have which margin."""
    points = _points(rows, "margin", "pairs")
    return Chart(
        title="Margins",
        description="Pairs left of zero are decided wrong.",
        x=axis("margin", [x for x, _ in points]),
        y=axis("pairs", [y for _, y in points], low=0),
        series=[Series("", points, "bars")],
    )


def length(pairs: Rows) -> Chart:
    """Draw the logit of a pair against the difference in length."""
    some = pairs[:: max(1, len(pairs) // DOTS)]
    points = _points(some, "longer_by", "logit")
    return Chart(
        title="Length",
        description="Characters by which the chosen response is longer, and how surely it is "
        "preferred. A slope would be a bias.",
        x=axis("characters longer", [x for x, _ in points]),
        y=axis("logit", [y for _, y in points]),
        series=[Series("", points, "dots")],
    )


def coverage(rows: Rows) -> Chart:
    """Draw the accuracy on the most confident share of the pairs."""
    points = _points(rows, "coverage", "accuracy")
    return Chart(
        title="Coverage",
        description="Accuracy when only the most confident pairs are decided.",
        x=Axis("share decided", 0, 1),
        y=axis("accuracy", [y for _, y in points], high=1),
        series=[Series("", points)],
    )


def learning(train: Rows, valid: Rows) -> Chart:
    """Draw the loss over the steps of training."""
    train_points = _points(train, "step", "loss")
    valid_points = _points(valid, "step", "nll")
    points = train_points + valid_points
    return Chart(
        title="Learning curve",
        description="Loss on train (mean of 20 steps) and on valid.",
        x=axis("step", [x for x, _ in points]),
        y=axis("nats", [y for _, y in points]),
        series=[Series("train", train_points), Series("valid", valid_points, color=2)],
    )


def _points(rows: Rows, x: str, y: str) -> list[Point]:
    return [(float(row[x]), float(row[y])) for row in rows]
