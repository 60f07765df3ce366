"""metrics/report.html: metrics, charts and every test pair in one file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlx_reward.data.pair import Message, Pair
from mlx_reward.evaluation.metric_table import table_rows
from mlx_reward.report import charts
from mlx_reward.report.render import percent, render

Metrics = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]
BENCHMARK_SCORES = ("score", "accuracy", "spearman")  # what a set is known by, the first it has


@dataclass(frozen=True)
class ReportData:
    """All that the page shows, as the stages wrote it.

    ``plots`` are the rows of metrics/plots by name, ``shortfalls`` the bars of the gate that are
    missed, ``earlier`` the logits of an earlier run by the id of the pair.
    """

    metrics: Metrics
    plots: Mapping[str, Rows]
    pairs: Sequence[Pair]
    rewards: Rows
    probes: Metrics = field(default_factory=dict)
    examples: Rows = ()
    benchmarks: Metrics = field(default_factory=dict)
    data: Sequence[Metrics] = ()
    shortfalls: Sequence[str] = ()
    warnings: Sequence[str] = ()
    earlier: Mapping[str, float] = field(default_factory=dict)


def page(report: ReportData) -> str:
    """Return the HTML; texts of the data stay text whatever they hold."""
    pairs = pair_rows(report)
    plots = report.plots
    return render(
        "report.html.jinja",
        passed=not report.shortfalls,
        verdict=verdict(report),
        metrics=table_rows(report.metrics),
        charts=[
            charts.reliability(plots["reliability_before"], plots["reliability_after"]),
            charts.margins(plots["margins"]),
            charts.coverage(plots["coverage"]),
            charts.length(pairs),
            charts.learning(plots["train"], plots["valid"]),
        ],
        subsets=plots["subset_accuracy"],
        defects=plots["defect_accuracy"],
        probes=report.probes,
        examples=[{**row, "prompt": prompt_text(row["prompt"])} for row in report.examples],
        benchmarks=[_benchmark_row(name, row) for name, row in report.benchmarks.items()],
        data=_numbers(report.data),
        pairs=pairs,
    )


def verdict(report: ReportData) -> list[str]:
    """Return the sentences under PASS or FAIL."""
    metrics = report.metrics
    accuracy = percent(metrics["accuracy"])
    accuracy_ends = f"{percent(metrics['accuracy_low'])} to {percent(metrics['accuracy_high'])}"
    ece = f"{metrics['ece']:.3f} ({metrics['ece_low']:.3f} to {metrics['ece_high']:.3f})"
    longer = percent(metrics["longer_wins_accuracy"])
    words = percent(metrics["bag_of_words_accuracy"])
    return [
        f"Right on {accuracy} ({accuracy_ends}) of {metrics['pairs']:,} test pairs.",
        f"Its probabilities are off by {ece} on average (ECE).",
        f"Always preferring the longer response would score {longer}, words alone {words}.",
        *(f"{sentence[0].upper()}{sentence[1:]}." for sentence in report.shortfalls),
        *(f"Warning: {sentence}." for sentence in report.warnings),
    ]


def pair_rows(report: ReportData) -> list[dict[str, Any]]:
    """Return what the table of pairs shows: texts, rewards, logit, the logit of an earlier run."""
    pairs = {pair.id: pair for pair in report.pairs}
    rows = []
    for row in report.rewards:
        pair = pairs[row["id"]]
        shown = {
            "id": row["id"],
            "subset": row["subset"],
            "reward_chosen": row["reward_chosen"],
            "reward_rejected": row["reward_rejected"],
            "logit": row["logit"],
            "prompt": prompt_text(pair.prompt),
            "chosen": pair.chosen,
            "rejected": pair.rejected,
            "longer_by": len(pair.chosen) - len(pair.rejected),
        }
        if row["id"] in report.earlier:
            shown["before"] = report.earlier[row["id"]]
        rows.append(shown)
    return rows


def prompt_text(prompt: str | list[Message]) -> str:
    """Return a prompt as one text, each message with its role."""
    if isinstance(prompt, str):
        return prompt
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in prompt)


def _benchmark_row(name: str, metrics: Metrics) -> dict[str, Any]:
    scores = [metrics[key] for key in BENCHMARK_SCORES if metrics.get(key) is not None]
    parts = metrics.get("sections") or metrics.get("subsets") or {}
    return {
        "name": name,
        "score": scores[0] if scores else None,
        "questions": metrics["questions"],
        "parts": {
            part: value["score"] if isinstance(value, dict) else value
            for part, value in parts.items()
        },
    }


def _numbers(files: Sequence[Metrics]) -> dict[str, float]:
    """Return the numbers of metrics files; later files win."""
    return {
        name: value
        for metrics in files
        for name, value in metrics.items()
        if isinstance(value, (int, float))
    }
