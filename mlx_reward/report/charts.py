"""Charts as SVG that takes its colours from the page: each has a title and a description for those who do not see it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 12, 44
Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """``points`` in data units, drawn as "line", "dots" or "bars" in the page's colour number ``color``."""

    name: str
    points: Sequence[Point]
    kind: str = "line"
    color: int = 1


@dataclass(frozen=True)
class Axis:
    """What it measures, and from where to where."""

    name: str
    low: float
    high: float

    def place(self, value: float) -> float:
        """0 at the low end, 1 at the high end."""
        return (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5

    def ticks(self) -> list[float]:
        """Round numbers on it, three to seven."""
        if self.high <= self.low:
            return [self.low]
        size = 10 ** math.floor(math.log10(self.high - self.low))
        step = next(s * size for s in (0.2, 0.5, 1, 2) if (self.high - self.low) / (s * size) <= 6)
        return [
            n * step
            for n in range(
                math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1
            )
        ]


def chart(title: str, description: str, x: Axis, y: Axis, series: Sequence[Series]) -> str:
    """A figure with axes, ticks and a legend where there is more than one series."""
    drawn = "".join(_ticks(x, y)) + "".join(_draw(s, x, y) for s in series)
    names = [s for s in series if s.name]
    legend = (
        "".join(f'<span class="key c{s.color}">{escape(s.name)}</span>' for s in names)
        if len(names) > 1
        else ""
    )
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(f"{title}. {description}")}">{drawn}</svg>'
        f"<figcaption><strong>{escape(title)}</strong> {escape(description)} {legend}</figcaption></figure>"
    )


def axis(
    name: str, values: Sequence[float], low: float | None = None, high: float | None = None
) -> Axis:
    """One that holds all ``values`` with some room, and reaches from ``low`` and to ``high`` where these are given."""
    room = 0.03 * (max(values) - min(values))
    return Axis(
        name,
        min(values) - room if low is None else low,
        max(values) + room if high is None else high,
    )


def _at(point: Point, x: Axis, y: Axis) -> tuple[float, float]:
    across, up = x.place(point[0]), y.place(point[1])
    return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)


def _ticks(x: Axis, y: Axis) -> list[str]:
    found = []
    for value in y.ticks():
        _, at = _at((x.low, value), x, y)
        found.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        )
        found.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{value:.4g}</text>')
    for value in x.ticks():
        at, _ = _at((value, y.low), x, y)
        found.append(
            f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{value:.4g}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    found.append(
        f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x.name)}</text>'
    )
    across = (TOP + HEIGHT - BOTTOM) / 2
    found.append(
        f'<text transform="translate(13 {across}) rotate(-90)" text-anchor="middle">{escape(y.name)}</text>'
    )
    return found


def _draw(series: Series, x: Axis, y: Axis) -> str:
    places = [_at(point, x, y) for point in series.points]
    if series.kind == "bars":
        width = 0.9 * (WIDTH - LEFT - RIGHT) / max(len(places), 1)
        floor = HEIGHT - BOTTOM
        bars = (f"M{a - width / 2:.1f} {floor}V{b:.1f}h{width:.1f}V{floor}z" for a, b in places)
        return f'<path class="fill c{series.color}" d="{"".join(bars)}"/>'
    if series.kind == "dots":
        return "".join(
            f'<circle class="fill c{series.color}" cx="{a:.1f}" cy="{b:.1f}" r="2.2"/>'
            for a, b in places
        )
    line = "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
    return f'<path class="line c{series.color}" d="M{line}"/>' if places else ""
