"""This run against an earlier one: figures side by side, and the paired test of evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mlx_reward.evaluation.metric_table import METRICS
from mlx_reward.evaluation.paired import Comparison, compare_rows
from mlx_reward.report.figures import OTHERS, SCALES
from mlx_reward.report.strips import Strip
from mlx_reward.report.svg import Axis
from mlx_reward.report.words import INTERVAL, number, points
from mlx_reward.utils.errors import InputError

CHANGES = Axis("", -0.5, 0.5)


@dataclass(frozen=True)
class Earlier:
    """An earlier run: its metrics/eval.json, and its test rewards or why they are ``missing``."""

    revision: str
    metrics: Mapping[str, Any]
    rewards: Sequence[dict[str, Any]]
    missing: str = ""

    @property
    def logits(self) -> dict[str, float]:
        """The logit of each pair by its id."""
        return {row["id"]: row["logit"] for row in self.rewards}


class BothValues(NamedTuple):
    """A metric of both runs, as text."""

    title: str
    before: str
    now: str


@dataclass(frozen=True)
class Change:
    """What the page says of the two runs; ``paired`` is None where ``why_not`` says why."""

    revision: str
    values: Sequence[BothValues]
    paired: Comparison | None
    why_not: str

    @property
    def strip(self) -> Strip | None:
        """The change of accuracy, beside none."""
        if self.paired is None:
            return None
        return Strip(CHANGES, self.paired.change, self.paired.low, self.paired.high, reference=0.0)

    @property
    def sentence(self) -> str:
        """The change of accuracy in words."""
        if self.paired is None:
            return f"The two cannot be compared pair by pair: {self.why_not}."
        ends = ""
        if self.paired.low is not None and self.paired.high is not None:
            ends = f", {INTERVAL}: {points(self.paired.low)} to {points(self.paired.high)}"
        return (
            f"Accuracy changed by {points(self.paired.change)} on the same "
            f"{self.paired.pairs:,} pairs{ends} (p {self.paired.p:.2g}): "
            f"{len(self.paired.gained):,} pairs are right now that were wrong, "
            f"{len(self.paired.lost):,} wrong that were right."
        )


def change_since(
    earlier: Earlier, metrics: Mapping[str, Any], rewards: Sequence[dict[str, Any]]
) -> Change:
    """Return both runs side by side, compared pair by pair where they have the same test pairs."""
    paired, why_not = None, earlier.missing
    if not why_not:
        try:
            paired = compare_rows(earlier.rewards, rewards)
        except InputError as error:
            why_not = str(error)
    values = []
    for metric in METRICS:
        before, now = earlier.metrics.get(metric.name), metrics.get(metric.name)
        if metric.title is not None and before is not None and now is not None:
            write = SCALES.get(metric.name, OTHERS).write
            values.append(BothValues(metric.title, write(before), write(now)))
    counts = [data.get("pairs") for data in (earlier.metrics, metrics)]
    if None not in counts:
        values.append(BothValues("test pairs", *map(number, counts)))
    return Change(earlier.revision, values, paired, why_not)
