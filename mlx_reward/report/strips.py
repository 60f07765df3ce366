"""A row of a forest plot: a value, its 95 % interval, and the side of a reference that is bad."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from mlx_reward.report.svg import Axis

Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Strip:
    """Drawn beside its numbers in a table; all strips of a table share their ``axis``.

    The side of ``reference`` that is not ``better`` is tinted. ``mark`` is something else to
    compare with, such as the value of the whole of which this is a part.
    """

    width: ClassVar[int] = 200  # in units of its own
    height: ClassVar[int] = 22
    inset: ClassVar[int] = 5  # so that a dot at either end is whole

    axis: Axis
    value: float
    low: float | None = None
    high: float | None = None
    reference: float | None = None
    better: Better = "higher"
    mark: float | None = None

    @property
    def side(self) -> Literal["good", "bad", "unclear"]:
        """On which side of the reference the whole interval lies; unclear where it holds it."""
        if self.reference is None or self.low is None or self.high is None:
            return "unclear"
        if self.low > self.reference:
            return "good" if self.better == "higher" else "bad"
        if self.high < self.reference:
            return "bad" if self.better == "higher" else "good"
        return "unclear"

    @property
    def zone(self) -> tuple[str, str]:
        """The left end and the width of the tinted part; nothing where there is no reference."""
        if self.reference is None:
            return "0", "0"
        at = self.place(self.reference)
        left, right = (0.0, at) if self.better == "higher" else (at, float(self.width))
        return f"{left:.1f}", f"{right - left:.1f}"

    def place(self, value: float) -> float:
        """Return where ``value`` is drawn; what lies beyond an end of the axis stands at it."""
        share = min(max(self.axis.place(value), 0.0), 1.0)
        return self.inset + share * (self.width - 2 * self.inset)
