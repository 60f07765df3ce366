"""Metrics in lines to read: name, value, interval."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlx_reward.config.reader import nearest
from mlx_reward.evaluation.metric_table import METRICS
from mlx_reward.utils.errors import InputError


def check_names(names: Sequence[str]) -> None:
    """Raise InputError where one of ``names`` is no metric."""
    known = [metric.name for metric in METRICS if metric.title is not None]
    for name in names:
        if name not in known:
            near = nearest(name, known)
            hint = f"the nearest is {near}" if near else f"there are {', '.join(known)}"
            raise InputError(f"--metrics {name}: not a metric; {hint}")


def metric_lines(metrics: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    """Yield a line for each of ``names``, all that people read where there are none."""
    chosen = names or [m.name for m in METRICS if m.title and metrics.get(m.name) is not None]
    width = max(map(len, chosen), default=0)
    for name in chosen:
        value = metrics.get(name)
        shown = "not to be had from these pairs" if value is None else f"{value:.4f}"
        low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
        interval = "" if low is None or high is None else f"  95 % {low:.4f} to {high:.4f}"
        yield f"{name:<{width}}  {shown}{interval}"
