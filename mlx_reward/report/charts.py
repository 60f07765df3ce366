"""The charts, one function each: from rows of metrics/plots to a chart."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlx_reward.report.svg import Axis, Chart, Point, Series, axis, svg_file
from mlx_reward.report.words import percent

Rows = Sequence[Mapping[str, Any]]
MOST_POINTS = 400  # of a series: more would only hide one another
CURVES = {  # by TRL's names: title, and the name of the y axis
    "loss": ("Loss", "nats"),
    "accuracy": ("Accuracy", "accuracy"),
    "margin": ("Margin", "chosen less rejected"),
    "learning_rate": ("Learning rate", "learning rate"),
    "grad_norm": ("Gradient norm", "before clipping"),
}


def reliability(before: Rows, after: Rows) -> Chart:
    """Draw how many pairs are decided right against how confident the model is.

    The band is what chance makes of perfect calibration, where ``after`` has its ends. The stems
    are the pairs of each bin.
    """
    series = [
        Series("chance", _band(after), "area", color="c3"),
        Series("", _points(after, "confidence", "pairs"), "stems", color="c3"),
        Series("perfect", [(0.5, 0.5), (1, 1)], color="c3"),
        Series("before", _points(before, "confidence", "share_correct"), color="c2"),
        Series(
            "calibrated",
            _points(after, "confidence", "share_correct"),
            tips=[_bin(row) for row in after],
        ),
    ]
    return Chart(
        title="Reliability",
        description="Of pairs decided with a given confidence, the share decided right. Each point "
        "of a perfectly calibrated model lies in the grey band in 95 % of cases.",
        x=Axis("confidence", 0.5, 1, share=True),
        y=Axis("share correct", 0, 1, share=True),
        series=[s for s in series if s.points],
    )


def _band(rows: Rows) -> list[Point]:
    """Return the points around the band: along its lower ends and back along its upper ones."""
    if not rows or "low" not in rows[0]:
        return []
    return _points(rows, "confidence", "low") + _points(rows, "confidence", "high")[::-1]


def _bin(row: Mapping[str, Any]) -> str:
    found = (
        f"{row['pairs']:,} pairs of confidence {percent(row['confidence'])}: "
        f"{percent(row['share_correct'])} right"
    )
    if "low" not in row:
        return found
    return f"{found}; chance makes {percent(row['low'])} to {percent(row['high'])}"


def reliability_svg(before: Rows, after: Rows, heading: str) -> str:
    """Return the reliability chart as a file of its own, for the README."""
    return svg_file(reliability(before, after), heading)


def rewards(rows: Rows) -> Chart:
    """Draw how many pairs have which reward of the chosen and of the rejected response."""
    kinds = (("rejected", "c2"), ("chosen", "c1"))
    return Chart(
        title="Rewards",
        description="Rewards of the chosen and of the rejected response of each pair. The less "
        "they overlap, the better.",
        x=axis("reward", [row["reward"] for row in rows]),
        y=axis("pairs", [row[kind] for row in rows for kind, _ in kinds], low=0),
        series=[
            Series(
                kind,
                _points(rows, "reward", kind),
                "bars",
                color=color,
                tips=[f"{row[kind]:,} {kind} around {row['reward']:.2f}" for row in rows],
            )
            for kind, color in kinds
        ],
    )


def margins(rows: Rows) -> Chart:
    """Draw how many pairs have which margin."""

    def side(name: str, color: str, kept: Rows) -> Series:
        tips = [f"{row['pairs']:,} pairs of margin {row['margin']:.2f}" for row in kept]
        return Series(name, _points(kept, "margin", "pairs"), "bars", color=color, tips=tips)

    return Chart(
        title="Margins",
        description="Reward of the chosen response less that of the rejected one. Pairs left of "
        "zero are decided wrong.",
        x=axis("margin", [row["margin"] for row in rows]),
        y=axis("pairs", [row["pairs"] for row in rows], low=0),
        series=[
            side("wrong", "bad", [row for row in rows if row["margin"] < 0]),
            side("right", "good", [row for row in rows if row["margin"] >= 0]),
        ],
        rules=[0.0],
    )


def length(pairs: Rows) -> Chart:
    """Draw the logit of a pair against the difference in length."""
    some = _some(pairs)
    points = _points(some, "longer_by", "logit")
    return Chart(
        title="Length",
        description="Characters by which the chosen response is longer, and how surely it is "
        "preferred. A slope would be a bias.",
        x=axis("characters longer", [x for x, _ in points]),
        y=axis("logit", [y for _, y in points]),
        series=[
            Series("", points, "dots", tips=[f"{row['id']}: {row['logit']:+.2f}" for row in some])
        ],
        rules=[0.0],
    )


def coverage(rows: Rows) -> Chart:
    """Draw the accuracy on the most confident share of the pairs."""
    points = _points(rows, "coverage", "accuracy")
    tips = [
        f"{percent(row['accuracy'])} right of the {percent(row['coverage'])} most confident"
        for row in rows
    ]
    return Chart(
        title="Coverage",
        description="Accuracy when only the most confident pairs are decided.",
        x=Axis("share decided", 0, 1, share=True),
        y=axis("accuracy", [y for _, y in points], high=1, share=True),
        series=[Series("", points, tips=tips)],
    )


def curves(train: Rows, valid: Rows) -> list[Chart]:
    """Draw what training logged, train and valid on one chart; what was not logged is left out.

    The loss of valid is its NLL, under labels such as training has.
    """
    valid = [{"loss": row["nll"], **row} for row in valid]
    return [_curve(name, train, valid) for name in CURVES if any(name in row for row in train)]


def _curve(name: str, train: Rows, valid: Rows) -> Chart:
    title, unit = CURVES[name]
    share = name == "accuracy"
    kept = [
        (kind, _some([row for row in rows if name in row]))
        for kind, rows in (("train", train), ("valid", valid))
    ]
    values = [row[name] for _, rows in kept for row in rows]

    def tip(kind: str, row: Mapping[str, Any]) -> str:
        value = percent(row[name]) if share else f"{row[name]:.4g}"
        return f"{kind}, step {row['step']}: {value}"

    series = [
        Series(
            kind,
            _points(rows, "step", name),
            color=color,
            tips=[tip(kind, row) for row in rows],
        )
        for (kind, rows), color in zip(kept, ("c1", "c2"), strict=True)
        if rows
    ]
    steps = [row["step"] for _, rows in kept for row in rows]
    return Chart(
        title=title,
        description=f"{title} over the steps of training.",
        x=axis("step", steps, low=0),
        y=axis(unit, values, share=share, low=0 if min(values) >= 0 and not share else None),
        series=series,
    )


def _some(rows: Rows) -> Rows:
    """Return MOST_POINTS rows at most, the last among them."""
    every = -(-len(rows) // MOST_POINTS)
    return rows if every <= 1 else rows[len(rows) - 1 :: -every][::-1]


def _points(rows: Rows, x: str, y: str) -> list[Point]:
    return [(float(row[x]), float(row[y])) for row in rows]
