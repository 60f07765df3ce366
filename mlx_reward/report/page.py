"""metrics/report.html: metrics, charts and every test pair in one file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlx_reward.data.pair import Message, Pair
from mlx_reward.evaluation.gate import Verdict
from mlx_reward.evaluation.metric_table import table_rows
from mlx_reward.report import charts
from mlx_reward.report.render import percent, render

Metrics = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]
BENCHMARK_SCORES = ("score", "accuracy", "spearman")  # what a set is known by, the first it has


@dataclass(frozen=True)
class ReportData:
    """All that the page shows, as the stages wrote it.

    ``plots`` are the rows of metrics/plots by name, ``earlier`` the logits of an earlier run by the
    id of the pair.
    """

    metrics: Metrics
    plots: Mapping[str, Rows]
    pairs: Sequence[Pair]
    rewards: Rows
    probes: Metrics = field(default_factory=dict)
    examples: Rows = ()
    benchmarks: Metrics = field(default_factory=dict)
    data: Sequence[Metrics] = ()
    verdict: Verdict = field(default_factory=Verdict)
    warnings: Sequence[str] = ()
    earlier: Mapping[str, float] = field(default_factory=dict)


def page(report: ReportData) -> str:
    """Return the HTML; texts of the data stay text whatever they hold."""
    pairs = pair_rows(report)
    plots = report.plots
    return render(
        "report.html.jinja",
        verdict=report.verdict.word,
        sentences=sentences(report),
        power=report.verdict.power,
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


def sentences(report: ReportData) -> list[str]:
    """Return the sentences under PASS, FAIL or UNDECIDED."""
    metrics = report.metrics
    verdict = report.verdict
    return [
        _accuracy_sentence(metrics),
        *_judges_sentence(report.data),
        _calibration_sentence(metrics),
        f"Always preferring the longer response would score "
        f"{percent(metrics['longer_wins_accuracy'])}, words alone "
        f"{percent(metrics['bag_of_words_accuracy'])}.",
        *(_sentence(text) for text in verdict.shortfalls + verdict.undecided),
        *(f"Warning: {text}." for text in report.warnings),
    ]


def _accuracy_sentence(metrics: Metrics) -> str:
    ends = ""
    if metrics["accuracy_low"] is not None and metrics["accuracy_high"] is not None:
        ends = f" ({percent(metrics['accuracy_low'])} to {percent(metrics['accuracy_high'])})"
    return f"Right on {percent(metrics['accuracy'])}{ends} of {metrics['pairs']:,} test pairs."


def _judges_sentence(data: Sequence[Metrics]) -> list[str]:
    """Return how often the judges themselves did not decide: no pair was made of that."""
    counts = _numbers(data)
    ties, contradictions = counts.get("ties", 0), counts.get("contradictions", 0)
    if not ties and not contradictions:
        return []
    return [
        f"That is of what the judges decided: in all splits they called {ties:,} pairs a tie and "
        f"contradicted one another on {contradictions:,}."
    ]


def _calibration_sentence(metrics: Metrics) -> str:
    if metrics["ece"] is None:
        return "Too few pairs to tell whether its probabilities are right."
    return (
        f"Its probabilities are off by {metrics['ece']:.3f} on average (ECE), where chance alone "
        f"makes {metrics['ece_null_mean']:.3f}, and up to {metrics['ece_null_95']:.3f} in 95 % of "
        f"cases; {metrics['ece_debiased']:.3f} is not chance."
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


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
