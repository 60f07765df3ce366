"""What a chart is made of, and where it is drawn; templates/chart.svg.jinja draws it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from mlx_reward.report.render import render

LETTER = 6.6  # about the width of a letter, for the legend
KEY = 44  # width of a legend's line and the room around it
Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """``points`` in data units, drawn as "line", "dots", "bars" or "area" in colour 1, 2 or 3.

    The points of an area go around it.
    """

    name: str
    points: Sequence[Point]
    kind: str = "line"
    color: int = 1


@dataclass(frozen=True)
class Axis:
    """A quantity and the range of it that is shown."""

    name: str
    low: float
    high: float

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


def axis(
    name: str, values: Sequence[float], low: float | None = None, high: float | None = None
) -> Axis:
    """Return an axis that holds ``values`` with some room, or ends at ``low`` and ``high``."""
    room = 0.03 * (max(values) - min(values))
    return Axis(
        name,
        low=min(values) - room if low is None else low,
        high=max(values) + room if high is None else high,
    )


class Tick(NamedTuple):
    """A number beside an axis and where it stands, in the units of the drawing."""

    position: str
    label: str


class Key(NamedTuple):
    """An entry of the legend and where it begins."""

    position: str
    series: Series


@dataclass(frozen=True)
class Chart:
    """A chart with its title, and a description for those who do not see it."""

    width: ClassVar[int] = 480  # of the drawing, in its own units
    height: ClassVar[int] = 300
    left: ClassVar[int] = 62  # edges of the plot; its labels stand around it
    right: ClassVar[int] = 468
    top: ClassVar[int] = 12
    bottom: ClassVar[int] = 256

    title: str
    description: str
    x: Axis
    y: Axis
    series: Sequence[Series]

    def x_ticks(self) -> list[Tick]:
        return [Tick(f"{self._across(value):.1f}", f"{value:.4g}") for value in self.x.ticks()]

    def y_ticks(self) -> list[Tick]:
        return [Tick(f"{self._down(value):.1f}", f"{value:.4g}") for value in self.y.ticks()]

    def places(self, series: Series) -> list[tuple[str, str]]:
        """Return the points of ``series`` in the units of the drawing."""
        return [(f"{self._across(x):.1f}", f"{self._down(y):.1f}") for x, y in series.points]

    def line(self, series: Series) -> str:
        """Return the SVG path of a line through the points."""
        return "M" + "L".join(f"{x} {y}" for x, y in self.places(series))

    def bars(self, series: Series) -> str:
        """Return the SVG path of bars that stand on the x axis."""
        width = 0.9 * (self.right - self.left) / max(len(series.points), 1)
        bars = []
        for x, y in series.points:
            left = self._across(x) - width / 2
            top = self._down(y)
            bars.append(f"M{left:.1f} {self.bottom}V{top:.1f}h{width:.1f}V{self.bottom}z")
        return "".join(bars)

    def legend(self) -> list[Key]:
        """Return the entries of the legend; none where there is one series alone."""
        named = [series for series in self.series if series.name]
        if len(named) < 2:
            return []
        keys = []
        position = float(self.left)
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
