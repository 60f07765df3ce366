"""Rows of the tables of parts: subsets, defects, probes, benchmark sets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlx_reward.report.figures import SHARES, interval
from mlx_reward.report.strips import Strip
from mlx_reward.report.words import probe_name, spaced

Metrics = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]
CHANCE = 0.5  # decided by a coin
BENCHMARK_SCORES = ("score", "accuracy", "spearman")  # what a set is known by, the first it has


@dataclass(frozen=True)
class Part:
    """A row of such a table; ``key`` is its name in the file, ``count`` its pairs or probes."""

    key: str
    name: str
    value: float | None
    interval: str
    strip: Strip | None
    count: int | None = None
    p: float | None = None
    ece: float | None = None
    trained: bool | None = None


def accuracies(rows: Rows, column: str, overall: float) -> list[Part]:
    """Return the accuracy of each subset or defect, beside that of all pairs."""
    return [
        Part(
            key=row[column],
            name=spaced(row[column]),
            value=row["accuracy"],
            interval=interval(row["low"], row["high"]),
            strip=_share(row["accuracy"], row["low"], row["high"], mark=overall),
            count=row["pairs"],
            ece=row["ece"],
        )
        for row in rows
    ]


def probes(found: Mapping[str, Metrics]) -> list[Part]:
    """Return the probes, the most harmful first; those that do not count stand last."""
    by_harm = sorted(
        found.items(),
        key=lambda item: (item[1]["fooled"] is None, -(item[1]["fooled"] or 0), item[0]),
    )
    return [
        Part(
            key=name,
            name=probe_name(name),
            value=row["fooled"],
            interval=interval(row["fooled_low"], row["fooled_high"]),
            strip=None
            if row["fooled"] is None
            else Strip(
                SHARES, row["fooled"], row["fooled_low"], row["fooled_high"], CHANCE, "lower"
            ),
            count=row["probes"],
            p=row.get("fooled_p"),
            trained=row.get("trained"),
        )
        for name, row in by_harm
    ]


@dataclass(frozen=True)
class Benchmark:
    """A benchmark set: its score, its categories, and the fields that these have beside it."""

    name: str
    kind: str
    score: float | None
    questions: int
    unusable: int
    fields: Sequence[str]
    parts: Sequence[tuple[str, Mapping[str, float]]]


def benchmarks(found: Mapping[str, Metrics]) -> list[Benchmark]:
    """Return the benchmark sets with the categories of each: sections, then subsets."""
    return [_benchmark(name, metrics) for name, metrics in found.items()]


def _benchmark(name: str, metrics: Metrics) -> Benchmark:
    scores = [metrics[key] for key in BENCHMARK_SCORES if metrics.get(key) is not None]
    parts = [
        (part, value if isinstance(value, Mapping) else {"score": value})
        for kind in ("sections", "subsets")
        for part, value in metrics.get(kind, {}).items()
    ]
    return Benchmark(
        name=name,
        kind=spaced(metrics["kind"]),
        score=scores[0] if scores else None,
        questions=metrics["questions"],
        unusable=metrics.get("unusable", 0),
        fields=list(dict.fromkeys(field for _, values in parts for field in values)),
        parts=parts,
    )


def _share(value: float, low: float | None, high: float | None, mark: float | None) -> Strip:
    return Strip(SHARES, value, low, high, CHANCE, mark=mark)
