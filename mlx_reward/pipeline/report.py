"""Write metrics/report.html: the verdict, metrics, charts and every test pair on one page."""

from typing import Any

from mlx_reward.config.gate import GateSettings
from mlx_reward.config.reader import read_section
from mlx_reward.data.pair import read_pairs
from mlx_reward.evaluation.gate import gate_shortfalls
from mlx_reward.evaluation.warnings import warnings
from mlx_reward.pipeline.paths import PARAMS, Paths
from mlx_reward.pipeline.reference import rewards_of
from mlx_reward.report.page import ReportData, page
from mlx_reward.utils.files import read_json, read_jsonl, whole_file

PLOTS = (
    "reliability_before",
    "reliability_after",
    "margins",
    "coverage",
    "subset_accuracy",
    "defect_accuracy",
    "train",
    "valid",
)


def main() -> None:
    write_report(read_section(PARAMS, "gate", GateSettings), Paths())


def write_report(bars: GateSettings, paths: Paths) -> None:
    """Write the page with the verdict on the ``bars``."""
    metrics = _metrics(paths, "eval.json")
    rewards = list(read_jsonl(paths.test_rewards))
    earlier = rewards_of(bars.against, paths.test_rewards) if bars.against is not None else []
    report = ReportData(
        metrics=metrics,
        plots={name: _metrics(paths, f"plots/{name}.json") for name in PLOTS},
        pairs=read_pairs(paths.test),
        rewards=rewards,
        probes=_metrics(paths, "probes.json"),
        examples=list(read_jsonl(paths.probe_examples)),
        benchmarks=_metrics(paths, "benchmarks.json"),
        data=[_metrics(paths, "data.json"), _metrics(paths, "split.json")],
        shortfalls=gate_shortfalls(metrics, rewards, earlier, bars),
        warnings=warnings(metrics),
        earlier={row["id"]: row["logit"] for row in earlier},
    )
    with whole_file(paths.report) as temporary:
        temporary.write_text(page(report), encoding="utf-8")
    print(f"open {paths.report} in a browser")


def _metrics(paths: Paths, name: str) -> Any:
    return read_json(paths.metrics / name, "run `dvc repro report`, which makes what it needs")
