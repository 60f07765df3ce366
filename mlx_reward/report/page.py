"""The whole page: sections, style, script and the test pairs in one file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from mlx_reward.data.pair import Pair
from mlx_reward.report import sections

Figures = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Evidence:
    """All that the page shows. ``plots``: rows by name, as the stages write them; ``before``: logits of an earlier run by the
    id of the pair; ``missed``: the bars of the gate that the model misses.
    """

    figures: Figures
    plots: Mapping[str, Rows]
    pairs: Sequence[Pair]
    rewards: Rows
    probes: Figures = field(default_factory=dict)
    examples: Rows = ()
    benchmarks: Figures = field(default_factory=dict)
    data: Sequence[Figures] = ()
    missed: Sequence[str] = ()
    warnings: Sequence[str] = ()
    before: Mapping[str, float] = field(default_factory=dict)


def page(evidence: Evidence) -> str:
    """HTML; texts of the data stay text whatever they hold."""
    rows = pair_rows(evidence)
    plots = evidence.plots
    charts = [
        sections.reliability(plots["reliability_before"], plots["reliability_after"]),
        sections.margins(plots["margins"]),
        sections.coverage(plots["coverage"]),
        sections.length(rows),
        sections.learning(plots["train"], plots["valid"]),
    ]
    parts = {
        "verdict": sections.verdict(evidence.figures, evidence.missed, evidence.warnings),
        "figures": sections.headline(evidence.figures),
        "charts": "".join(charts),
        "tables": sections.subsets(plots["subset_accuracy"])
        + sections.probes(evidence.probes, evidence.examples)
        + sections.benchmarks(evidence.benchmarks)
        + sections.data(*evidence.data),
        "style": _resource("style.css"),
        "script": _resource("pairs.js"),
        "pairs": _json(rows),
    }
    text = _resource("page.html")
    for name, part in parts.items():  # the pairs last, for their texts could hold a placeholder
        text = text.replace(f"<!-- {name} -->", part)
    return text


def pair_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """What the table of pairs is made of: texts, rewards, logit, the logit of an earlier run."""
    texts = {pair.id: pair for pair in evidence.pairs}
    found = []
    for row in evidence.rewards:
        pair = texts[row["id"]]
        shown = {
            name: row[name]
            for name in ("id", "subset", "reward_chosen", "reward_rejected", "logit")
        }
        shown |= {
            "prompt": sections.asked(pair.prompt),
            "chosen": pair.chosen,
            "rejected": pair.rejected,
        }
        shown["longer_by"] = len(pair.chosen) - len(pair.rejected)
        if row["id"] in evidence.before:
            shown["before"] = evidence.before[row["id"]]
        found.append(shown)
    return found


def _json(value: Any) -> str:
    """Inside <script>: nothing in it can end the script or begin a comment."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def _resource(name: str) -> str:
    return files("mlx_reward.report").joinpath(name).read_text(encoding="utf-8")
