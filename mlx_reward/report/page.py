"""metrics/report.html: what a reader needs to decide whether to trust a model, in one file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from mlx_reward.config.gate import GateSettings
from mlx_reward.data.pair import Message, Pair
from mlx_reward.evaluation.gate import Verdict
from mlx_reward.report import charts, tables
from mlx_reward.report.comparison import Earlier, change_since
from mlx_reward.report.figures import groups, interval
from mlx_reward.report.provenance import Provenance
from mlx_reward.report.render import render
from mlx_reward.report.words import INTERVAL, field_name, field_value, number, percent

Metrics = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class ReportData:
    """All that the page shows, as the stages wrote it.

    ``plots`` are the rows of metrics/plots by name. ``texts`` says whether prompts and responses
    may stand on the page.
    """

    metrics: Metrics
    plots: Mapping[str, Rows]
    pairs: Sequence[Pair]
    rewards: Sequence[dict[str, Any]]
    bars: GateSettings
    provenance: Provenance
    probes: Metrics = field(default_factory=dict)
    examples: Rows = ()
    benchmarks: Metrics = field(default_factory=dict)
    data: Metrics = field(default_factory=dict)
    split: Metrics = field(default_factory=dict)
    training: Metrics = field(default_factory=dict)
    verdict: Verdict = field(default_factory=Verdict)
    warnings: Sequence[str] = ()
    earlier: Earlier | None = None
    texts: bool = True


class Reason(NamedTuple):
    """A sentence under the verdict: for it, against it, or neither."""

    side: Literal["good", "bad", "unclear"]
    text: str


def page(report: ReportData) -> str:
    """Return the HTML; texts of the data stay text whatever they hold."""
    pairs = pair_rows(report)
    plots = report.plots
    return render(
        "report.html.jinja",
        verdict=report.verdict.word,
        reasons=reasons(report),
        lede=lede(report.metrics),
        power=report.verdict.power,
        provenance=report.provenance,
        counts=counts(report),
        groups=groups(report.metrics, report.bars),
        charts=[
            charts.reliability(plots["reliability_before"], plots["reliability_after"]),
            charts.rewards(plots["rewards"]),
            charts.margins(plots["margins"]),
            charts.coverage(plots["coverage"]),
            charts.length(pairs),
        ],
        curves=charts.curves(plots["train"], plots["valid"]),
        training=report.training,
        overall=report.metrics["accuracy"],
        subsets=tables.accuracies(plots["subset_accuracy"], "subset", report.metrics["accuracy"]),
        defects=tables.accuracies(plots["defect_accuracy"], "defect", report.metrics["accuracy"]),
        probes=tables.probes(report.probes),
        examples=examples(report),
        benchmarks=tables.benchmarks(report.benchmarks),
        change=change_since(report.earlier, report.metrics, report.rewards)
        if report.earlier
        else None,
        data=[
            (field_name(name), field_value(name, value))
            for name, value in (*report.data.items(), *report.split.items())
            if isinstance(value, (int, float))
        ],
        pairs=pairs,
        texts=report.texts,
    )


def summary(report: ReportData) -> str:
    """Return the verdict, the change since the last run and a reliability chart, in Markdown.

    It is what a pull request needs to know of a run; GitHub draws the chart (Mermaid).
    """
    earlier = report.earlier
    return render(
        "summary.md.jinja",
        verdict=report.verdict.word,
        base=report.provenance.base,
        lede=lede(report.metrics),
        reasons=reasons(report),
        change=change_since(earlier, report.metrics, report.rewards) if earlier else None,
        reliability=report.plots["reliability_after"],
    )


def lede(metrics: Metrics) -> str:
    """Return the sentence that a reader should know if it is the only one they read."""
    ends = interval(metrics["accuracy_low"], metrics["accuracy_high"])
    sentence = f"Right on {percent(metrics['accuracy'])} of {metrics['pairs']:,} test pairs"
    sentence += f" ({INTERVAL}: {ends})." if ends else "."
    sentence += (
        " Always preferring the longer response would be right on "
        f"{percent(metrics['longer_wins_accuracy'])}"
    )
    words_alone = metrics.get("bag_of_words_accuracy")
    return sentence + ("." if words_alone is None else f", words alone on {percent(words_alone)}.")


def reasons(report: ReportData) -> list[Reason]:
    """Return why the gate says what it says, what speaks against the model all the same, and what
    neither can tell.
    """
    verdict = report.verdict
    found = [Reason("bad", _sentence(text)) for text in verdict.shortfalls]
    found += [Reason("unclear", _sentence(text)) for text in verdict.undecided]
    if verdict.passed:
        found += [Reason("good", text) for text in _cleared(report)]
    found += [Reason("bad", f"Warning: {text}.") for text in report.warnings]
    return [*found, Reason("unclear", _calibration_sentence(report.metrics)), *_judges(report.data)]


def _cleared(report: ReportData) -> list[str]:
    """Return the bars of a model that passed, which are all that are set."""
    bars, metrics = report.bars, report.metrics
    found = [
        f"Accuracy {percent(metrics['accuracy'])} reaches the bar of {percent(bars.min_accuracy)}."
    ]
    if bars.max_ece is not None:
        found.append(
            f"ECE without that of chance, {number(metrics['ece_debiased'])}, is below the bar of "
            f"{number(bars.max_ece)}."
        )
    if bars.against is not None and bars.max_regression is not None:
        found.append(
            f"Against {bars.against} it has not lost more than {percent(bars.max_regression)} of "
            "accuracy, for sure."
        )
    return found


def _judges(data: Metrics) -> list[Reason]:
    """Return how often the judges themselves did not decide: no pair was made of that."""
    ties, contradictions = data.get("ties", 0), data.get("contradictions", 0)
    if not ties and not contradictions:
        return []
    text = (
        f"Accuracy is that of what the judges decided: in all splits they called {ties:,} pairs a "
        f"tie and contradicted one another on {contradictions:,}."
    )
    return [Reason("unclear", text)]


def _calibration_sentence(metrics: Metrics) -> str:
    if metrics["ece"] is None:
        return "Too few pairs to tell whether its probabilities are right."
    return (
        f"Its probabilities are off by {number(metrics['ece'])} on average (ECE); chance alone "
        f"makes {number(metrics['ece_null_mean'])} of a perfect model, and up to "
        f"{number(metrics['ece_null_95'])} in {INTERVAL} of cases."
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def counts(report: ReportData) -> list[str]:
    """Return how many pairs each split has."""
    splits = ((name, report.split.get(f"{name}_pairs")) for name in ("train", "valid", "test"))
    return [f"{count:,} {name}" for name, count in splits if count is not None]


def examples(report: ReportData) -> dict[str, list[dict[str, Any]]]:
    """Return the probes that fooled the model most, by kind; none where texts are left out."""
    found: dict[str, list[dict[str, Any]]] = {}
    if report.texts:
        for row in report.examples:
            shown = {**row, "prompt": prompt_text(row["prompt"])}
            found.setdefault(row["probe"], []).append(shown)
    return found


def pair_rows(report: ReportData) -> list[dict[str, Any]]:
    """Return what the table of pairs shows: rewards, logit, that of an earlier run, texts."""
    pairs = {pair.id: pair for pair in report.pairs}
    earlier = report.earlier.logits if report.earlier else {}
    rows = []
    for row in report.rewards:
        pair = pairs[row["id"]]
        shown = {
            "id": row["id"],
            "subset": row["subset"],
            "defect": row.get("defect"),
            "reward_chosen": row["reward_chosen"],
            "reward_rejected": row["reward_rejected"],
            "logit": row["logit"],
            "longer_by": len(pair.chosen) - len(pair.rejected),
        }
        if row["id"] in earlier:
            shown["before"] = earlier[row["id"]]
        if report.texts:
            shown["prompt"] = prompt_text(pair.prompt)
            shown |= {"chosen": pair.chosen, "rejected": pair.rejected}
        rows.append(shown)
    return rows


def prompt_text(prompt: str | list[Message]) -> str:
    """Return a prompt as one text, each message with its role."""
    if isinstance(prompt, str):
        return prompt
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in prompt)
