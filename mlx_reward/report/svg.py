"""What a chart is made of, and where it is drawn; templates/chart.svg.jinja draws it.

Colours have one meaning wherever they are drawn: "good" and "bad" lie for sure on either side of a
reference, "c1" and "c2" are this and the other of two series, "c3" is what one compares with.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar, Literal, NamedTuple

from mlx_reward.report.render import render
from mlx_reward.report.words import percent

LETTER = 6.4  # about the width of a letter, for the legend
KEY = 42  # width of a legend's line and the room around it
STEMS = 0.12  # of the height of a chart, for the tallest stem
Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """``points`` in data units, drawn as "line", "dots", "bars", "area" or "stems".

    The points of an area go around it. Stems stand on the x axis; their heights are in a unit of
    their own. ``tips`` say what each point is, to those who point at it; none for no points.
    """

    name: str
    points: Sequence[Point]
    kind: Literal["line", "dots", "bars", "area", "stems"] = "line"
    color: str = "c1"
    tips: Sequence[str] = ()


@dataclass(frozen=True)
class Axis:
    """A quantity and the range of it that is shown, as percentages where it is a ``share``."""

    name: str
    low: float
    high: float
    share: bool = False

    def place(self, value: float) -> float:
        """Return 0 for the low end, 1 for the high end."""
        return (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5

    def ticks(self) -> list[float]:
        """Return the round numbers on it, three to seven."""
        extent = self.high - self.low
        if extent <= 0:
            return [self.low]
        size = 10 ** math.floor(math.log10(extent))
        step = next(s * size for s in (0.2, 0.5, 1, 2) if extent / (s * size) <= 6)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [n * step for n in range(first, last + 1)]

    def label(self, value: float) -> str:
        """Return the number beside a tick."""
        if self.share:
            return percent(value).replace(".0", "")
        if 0 < abs(value) < 0.01:  # a learning rate; 0.0006 would run into the axis' name
            mantissa, exponent = f"{value:.1e}".split("e")
            return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
        return f"{value:.4g}"


def axis(
    name: str,
    values: Sequence[float],
    low: float | None = None,
    high: float | None = None,
    share: bool = False,
) -> Axis:
    """Return an axis that holds ``values`` with some room, or ends at ``low`` and ``high``."""
    room = 0.03 * (max(values) - min(values)) if values else 0.0
    return Axis(
        name,
        low=min(values, default=0.0) - room if low is None else low,
        high=max(values, default=1.0) + room if high is None else high,
        share=share,
    )


class Tick(NamedTuple):
    """A number beside an axis and where it stands, in the units of the drawing."""

    position: str
    label: str


class Key(NamedTuple):
    """An entry of the legend and where it begins."""

    position: str
    series: Series


class Mark(NamedTuple):
    """A point in the units of the drawing and what it is."""

    x: str
    y: str
    tip: str


class Bar(NamedTuple):
    """A bar's SVG path and what it is."""

    path: str
    tip: str


@dataclass(frozen=True)
class Chart:
    """A chart with its title, and a description for those who do not see it."""

    width: ClassVar[int] = 400  # of the drawing, in its own units
    height: ClassVar[int] = 260
    left: ClassVar[int] = 58  # edges of the plot; its labels stand around it
    right: ClassVar[int] = 378
    top: ClassVar[int] = 10
    bottom: ClassVar[int] = 216

    title: str
    description: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    rules: Sequence[float] = field(default=())  # x of upright lines to compare with

    def x_ticks(self) -> list[Tick]:
        return [Tick(f"{self._across(at):.1f}", self.x.label(at)) for at in self.x.ticks()]

    def y_ticks(self) -> list[Tick]:
        return [Tick(f"{self._down(at):.1f}", self.y.label(at)) for at in self.y.ticks()]

    def upright(self) -> list[str]:
        """Return where the ``rules`` stand."""
        return [f"{self._across(at):.1f}" for at in self.rules]

    def marks(self, series: Series) -> list[Mark]:
        """Return the points of ``series`` in the units of the drawing, with their tips."""
        tips = series.tips or [""] * len(series.points)
        return [
            Mark(f"{self._across(x):.1f}", f"{self._down(y):.1f}", tip)
            for (x, y), tip in zip(series.points, tips, strict=True)
        ]

    def line(self, series: Series) -> str:
        """Return the SVG path of a line through the points."""
        return "M" + "L".join(f"{mark.x} {mark.y}" for mark in self.marks(series))

    def bars(self, series: Series) -> list[Bar]:
        """Return bars that stand on the x axis, as wide as the points are apart."""
        tips = series.tips or [""] * len(series.points)
        places = sorted(self._across(x) for x, _ in series.points)
        apart = min((b - a for a, b in pairwise(places)), default=20.0)
        width = apart - 1 if apart > 3 else apart
        bars = []
        for (x, y), tip in zip(series.points, tips, strict=True):
            if y > 0:
                left = self._across(x) - width / 2
                path = f"M{left:.1f} {self.bottom}V{self._down(y):.1f}h{width:.1f}V{self.bottom}z"
                bars.append(Bar(path, tip))
        return bars

    def stems(self, series: Series) -> str:
        """Return the SVG path of upright lines on the x axis, the tallest STEMS of the height."""
        most = max((y for _, y in series.points), default=1) or 1
        tallest = STEMS * (self.bottom - self.top)
        return "".join(
            f"M{self._across(x):.1f} {self.bottom}v{-tallest * y / most:.1f}"
            for x, y in series.points
        )

    def legend(self) -> list[Key]:
        """Return the entries of the legend; none where there is one series alone."""
        named = [series for series in self.series if series.name]
        if len(named) < 2:
            return []
        keys = []
        position = 40.0
        for series in named:
            keys.append(Key(f"{position:.1f}", series))
            position += KEY + LETTER * len(series.name)
        return keys

    def _across(self, value: float) -> float:
        return self.left + self.x.place(value) * (self.right - self.left)

    def _down(self, value: float) -> float:
        return self.bottom - self.y.place(value) * (self.bottom - self.top)


def svg_file(chart: Chart, heading: str) -> str:
    """Return ``chart`` as an SVG file with its own colours, ``heading`` above and legend below."""
    return render("chart_file.svg.jinja", chart=chart, heading=heading)
