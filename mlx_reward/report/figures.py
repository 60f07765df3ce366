"""The table of figures: metrics/eval.json as a forest plot, each group on one axis.

No figure is computed here. What is said about a metric is what to hold it against.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlx_reward.config.gate import GateSettings
from mlx_reward.evaluation.metric_table import METRICS, Metric
from mlx_reward.report.strips import Better, Strip
from mlx_reward.report.svg import Axis
from mlx_reward.report.words import INTERVAL, number, percent, points

Metrics = Mapping[str, Any]
Write = Callable[[float | None], str]
BAR = "the gate's bar"
PERFECT = f"what {INTERVAL} of perfectly calibrated models keep below"
SHARES = Axis("", 0, 1, share=True)


@dataclass(frozen=True)
class Scale:
    """A group of metrics on one axis: how their values are written, and which side is better."""

    title: str
    axis: Axis
    write: Write
    reference: float | None = None
    better: Better = "higher"
    against: str = ""  # what the reference is

    def end(self, value: float) -> str:
        """Return an end of the axis as text."""
        return self.write(value) if self.write is points else self.axis.label(value)


@dataclass(frozen=True)
class Figure:
    """A row: its texts, the value it is sorted by, and its strip, where it has one."""

    title: str
    value: float | int | None
    shown: str
    interval: str
    strip: Strip | None
    against: str = ""


@dataclass(frozen=True)
class Group:
    """Rows that share an axis."""

    scale: Scale
    rows: Sequence[Figure]


ACCURACY = Scale("Accuracy", SHARES, percent, 0.5, against="a coin")
GAIN = Scale("Accuracy above a baseline", Axis("", -0.5, 0.5), points, 0.0, against="no better")
ORDER = Scale("Order of several responses", Axis("", -1, 1), number, 0.0, against="no relation")
SURE = Scale(
    "Does confidence tell right from wrong?", Axis("", 0, 1), number, 0.5, against="a coin"
)
NATS = Scale(
    "Log loss of the probabilities", Axis("", 0, 1.2), number, math.log(2), "lower", "a coin"
)
SQUARES = replace(
    NATS, title="Squared error of the probabilities", axis=Axis("", 0, 0.5), reference=0.25
)
ERRORS = replace(
    NATS, title="Calibration error", axis=Axis("", 0, 0.25), reference=None, against=""
)
OTHERS = Scale("Others", Axis("", 0, 1), number)
SCALES: dict[str, Scale] = {
    "accuracy": ACCURACY,
    "best_vs_rest_accuracy": ACCURACY,
    "length_controlled_accuracy": ACCURACY,
    "length_matched_accuracy": ACCURACY,
    "shorter_right_accuracy": ACCURACY,
    "gain_over_longer_wins": GAIN,
    "gain_over_bag_of_words": GAIN,
    "spearman": ORDER,
    "kendall": ORDER,
    "auroc": SURE,
    "nll": NATS,
    "brier": SQUARES,
    "ece": ERRORS,
    "ece_debiased": ERRORS,
    "smece": ERRORS,
    "ece_before": ERRORS,
}
ORDER_OF_GROUPS = (ACCURACY, GAIN, ERRORS, NATS, SQUARES, SURE, ORDER, OTHERS)


def groups(metrics: Metrics, bars: GateSettings) -> list[Group]:
    """Return every metric that has a title, in groups; those that were not measured last."""
    found: dict[str, list[Figure]] = {scale.title: [] for scale in ORDER_OF_GROUPS}
    for metric in METRICS:
        if metric.title is not None:
            scale = _scale(metric.name, metrics, bars)
            found[scale.title].append(_figure(metric, metrics, scale))
    for rows in found.values():
        rows.sort(key=lambda row: row.value is None)
    return [Group(scale, found[scale.title]) for scale in ORDER_OF_GROUPS if found[scale.title]]


def _scale(name: str, metrics: Metrics, bars: GateSettings) -> Scale:
    """Return what to hold a metric against: the gate's bar, where there is one."""
    scale = SCALES.get(name, OTHERS)
    if name == "accuracy" and bars.min_accuracy > 0:
        return replace(scale, reference=bars.min_accuracy, against=BAR)
    if name == "ece_debiased":
        return replace(scale, reference=bars.max_ece, against=BAR)
    if name == "ece":
        return replace(scale, reference=metrics.get("ece_null_95"), against=PERFECT)
    return scale


def _figure(metric: Metric, metrics: Metrics, scale: Scale) -> Figure:
    value, low, high = (metrics.get(metric.name + end) for end in ("", "_low", "_high"))
    strip = None
    if value is not None and scale.title != OTHERS.title:
        strip = Strip(scale.axis, value, low, high, scale.reference, scale.better)
    return Figure(
        title=metric.title or metric.name,
        value=value,
        shown=scale.write(value),
        interval=interval(low, high, scale.write),
        strip=strip,
        against=""
        if strip is None or scale.reference is None
        else f"{scale.against}: {scale.write(scale.reference)}",
    )


def interval(low: float | None, high: float | None, write: Write = percent) -> str:
    """Return the ends of an interval; nothing where there is none."""
    return "" if low is None or high is None else f"{write(low)} to {write(high)}"
