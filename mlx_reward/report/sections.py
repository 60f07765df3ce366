"""The parts of the page, each from figures to HTML."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from mlx_reward.report.charts import Axis, Series, axis, chart

Figures = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]
DOTS = 600  # of the length plot: more would only hide one another


def verdict(evidence: Figures, missed: Sequence[str], warnings: Sequence[str]) -> str:
    """Whether the gate is open, and the sentences one has to know."""
    state = ("closed", "The gate is closed") if missed else ("open", "The gate is open")
    lines = [
        f"Right on {_percent(evidence, 'accuracy')} of {evidence['pairs']:,} test pairs.",
        f"Its probabilities are off by {_number(evidence, 'ece')} on average (ECE).",
        f"Always preferring the longer response would score {evidence['longer_wins_accuracy']:.1%}, "
        f"words alone {evidence['bag_of_words_accuracy']:.1%}.",
        *(f"{sentence[0].upper()}{sentence[1:]}." for sentence in missed),
        *(f"Warning: {sentence}." for sentence in warnings),
    ]
    return f'<div class="verdict {state[0]}" role="status"><h1>{state[1]}</h1><p>{"<br>".join(map(escape, lines))}</p></div>'


def headline(evidence: Figures) -> str:
    """The table of figures with their intervals."""
    names = {
        "accuracy": "accuracy",
        "ece": "expected calibration error",
        "nll": "negative log-likelihood, nats",
        "brier": "Brier score",
        "spearman": "Spearman's rank correlation in a prompt",
        "kendall": "Kendall's tau in a prompt",
        "ndcg": "NDCG in a prompt",
        "best_of_n_regret": "regret of best-of-N",
        "ece_before": "ECE before calibration",
        "temperature": "temperature",
        "auroc": "AUROC of being right",
        "length_controlled_accuracy": "accuracy with length regressed out",
        "length_matched_accuracy": "accuracy on pairs of equal length",
        "shorter_right_accuracy": "accuracy where the shorter response is right",
    }
    cells = (
        f"<tr><th scope=row>{title}</th><td>{_shown(evidence.get(name))}</td>"
        f"<td>{_between(evidence.get(f'{name}_low'), evidence.get(f'{name}_high'))}</td></tr>"
        for name, title in names.items()
    )
    return _section("Figures", _table(("figure", "value", "95 % interval"), cells), "figures")


def reliability(before: Rows, after: Rows) -> str:
    """The reliability diagram."""
    series = [
        Series("perfect", [(0.5, 0.5), (1, 1)], color=3),
        Series("before calibration", _points(before, "confidence", "share_correct"), color=2),
        Series("after", _points(after, "confidence", "share_correct")),
    ]
    text = "Among pairs decided with a given confidence, the share decided right."
    return chart(
        "Reliability", text, Axis("confidence", 0.5, 1), Axis("share correct", 0, 1), series
    )


def margins(rows: Rows) -> str:
    """How far apart the rewards of a pair are."""
    points = _points(rows, "margin", "pairs")
    x, y = axis("margin", [p[0] for p in points]), axis("pairs", [p[1] for p in points], low=0)
    return chart(
        "Margins", "Pairs left of zero are decided wrong.", x, y, [Series("", points, "bars")]
    )


def length(pairs: Rows) -> str:
    """Margin against the difference in length."""
    points = [
        (float(p["longer_by"]), float(p["logit"])) for p in pairs[:: max(1, len(pairs) // DOTS)]
    ]
    text = "Characters by which the chosen response is longer, and how surely it is preferred. A slope would be a bias."
    x, y = axis("characters longer", [p[0] for p in points]), axis("logit", [p[1] for p in points])
    return chart("Length", text, x, y, [Series("", points, "dots")])


def coverage(rows: Rows) -> str:
    """Accuracy on the most confident share."""
    points = _points(rows, "coverage", "accuracy")
    text = "Accuracy when only the most confident pairs are decided."
    accuracies = axis("accuracy", [p[1] for p in points], high=1)
    return chart("Coverage", text, Axis("share decided", 0, 1), accuracies, [Series("", points)])


def learning(train: Rows, valid: Rows) -> str:
    """Loss over the steps."""
    curves = [
        Series("train", _points(train, "step", "loss")),
        Series("valid", _points(valid, "step", "nll"), color=2),
    ]
    xs, ys = ([p[i] for s in curves for p in s.points] for i in (0, 1))
    return chart(
        "Learning curve",
        "Loss on train (mean of 20 steps) and on valid.",
        axis("step", xs),
        axis("nats", ys),
        curves,
    )


def subsets(rows: Rows) -> str:
    """Accuracy of each part of the data."""
    cells = (
        f"<tr><th scope=row>{escape(str(r['subset']))}</th><td>{_bar(r['accuracy'])}</td>"
        f"<td>{_between(r['low'], r['high'])}</td><td>{_shown(r['ece'])}</td><td>{r['pairs']}</td></tr>"
        for r in rows
    )
    return _section(
        "Subsets", _table(("subset", "accuracy", "95 % interval", "ECE", "pairs"), cells), "subsets"
    )


def probes(figures: Figures, examples: Rows) -> str:
    """How often small edits fool the model, with examples."""
    if not figures:
        return ""
    cells = (
        f"<tr><th scope=row>{escape(name.replace('_', ' '))}</th><td>{_bar(row['fooled'])}</td>"
        f"<td>{_between(row['fooled_low'], row['fooled_high'])}</td><td>{row['probes']}</td></tr>"
        for name, row in figures.items()
    )
    shown = "".join(
        f"<details><summary>{escape(e['probe'].replace('_', ' '))}: {e['gain']:+.2f} for the worse response</summary>"
        f"{side_by_side(e['prompt'], e['better'], e['worse'], 'better', 'worse')}</details>"
        for e in examples
    )
    text = "<p>Small edits whose right order is known, and the share of them that fool the model: less is better.</p>"
    return _section(
        "Probes",
        text + _table(("edit", "fooled", "95 % interval", "probes"), cells) + shown,
        "probes",
    )


def benchmarks(figures: Figures) -> str:
    """Sets that others measure on."""
    if not figures:
        return ""
    cells = []
    for name, row in figures.items():
        value = next(
            (row[key] for key in ("score", "accuracy", "spearman") if row.get(key) is not None),
            None,
        )
        parts = row.get("sections") or row.get("subsets") or {}
        detail = ", ".join(
            f"{k} {_shown(v if not isinstance(v, dict) else v['score'])}" for k, v in parts.items()
        )
        head = f"<tr><th scope=row>{escape(name)}</th><td>{_shown(value)}</td>"
        cells.append(f"{head}<td>{row['questions']}</td><td>{escape(detail)}</td></tr>")
    return _section(
        "Outside sets", _table(("set", "score", "questions", "parts"), cells), "benchmarks"
    )


def data(*pages: Figures) -> str:
    """What is in the data and in the splits."""
    flat = {k: v for page in pages for k, v in page.items() if isinstance(v, (int, float))}
    cells = (
        f"<tr><th scope=row>{escape(k.replace('_', ' '))}</th><td>{_shown(v)}</td></tr>"
        for k, v in flat.items()
    )
    return _section("Data", _table(("figure", "value"), cells), "data")


def side_by_side(prompt: Any, first: str, second: str, left: str, right: str) -> str:
    """A prompt and two responses, as text whatever is in them."""
    return (
        f'<div class="texts"><h4>prompt</h4><pre>{escape(asked(prompt))}</pre><div class="sides">'
        f"<div><h4>{left}</h4><pre>{escape(first)}</pre></div><div><h4>{right}</h4><pre>{escape(second)}</pre></div></div></div>"
    )


def asked(prompt: Any) -> str:
    """A prompt as one text."""
    return (
        prompt
        if isinstance(prompt, str)
        else "\n\n".join(f"{m['role']}: {m['content']}" for m in prompt)
    )


def _section(title: str, body: str, id: str) -> str:
    return f'<section id="{id}"><h2>{title}</h2>{body}</section>'


def _table(heads: Sequence[str], rows: Any) -> str:
    head = "".join(f"<th scope=col>{h}</th>" for h in heads)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _points(rows: Rows, x: str, y: str) -> list[tuple[float, float]]:
    return [(float(row[x]), float(row[y])) for row in rows]


def _bar(share: float | None) -> str:
    if share is None:
        return _shown(share)
    return f'<span class="bar"><span style="width:{share:.1%}"></span></span> {share:.1%}'


def _shown(value: float | None) -> str:
    if value is None:
        return "not computed"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def _between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _percent(figures: Figures, name: str) -> str:
    return f"{figures[name]:.1%} ({figures[f'{name}_low']:.1%} to {figures[f'{name}_high']:.1%})"


def _number(figures: Figures, name: str) -> str:
    return f"{figures[name]:.3f} ({figures[f'{name}_low']:.3f} to {figures[f'{name}_high']:.3f})"
