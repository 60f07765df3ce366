"""Write metrics/report.html: the verdict, metrics, charts and every test pair on one page."""

from typing import Any

from mlx_reward.config.gate import GateSettings
from mlx_reward.config.reader import read_section
from mlx_reward.data.pair import read_pairs
from mlx_reward.evaluation.gate import gate_shortfalls
from mlx_reward.evaluation.warnings import warnings
from mlx_reward.pipeline import paths
from mlx_reward.pipeline.reference import rewards_of
from mlx_reward.report.page import ReportData, page
from mlx_reward.utils.files import read_json, read_jsonl, whole_file

PLOTS = (
    "reliability_before",
    "reliability_after",
    "margins",
    "coverage",
    "subset_accuracy",
    "train",
    "valid",
)


def main() -> None:
    bars = read_section(paths.PARAMS, "gate", GateSettings)
    metrics = _metrics("eval.json")
    rewards = list(read_jsonl(paths.TEST_REWARDS))
    earlier = rewards_of(bars.against) if bars.against is not None else []
    report = ReportData(
        metrics=metrics,
        plots={name: _metrics(f"plots/{name}.json") for name in PLOTS},
        pairs=read_pairs(paths.TEST),
        rewards=rewards,
        probes=_metrics("probes.json"),
        examples=list(read_jsonl(paths.PROBE_EXAMPLES)),
        benchmarks=_metrics("benchmarks.json"),
        data=[_metrics("data.json"), _metrics("split.json")],
        shortfalls=gate_shortfalls(metrics, rewards, earlier, bars),
        warnings=warnings(metrics),
        earlier={row["id"]: row["logit"] for row in earlier},
    )
    with whole_file(paths.REPORT) as temporary:
        temporary.write_text(page(report), encoding="utf-8")
    print(f"open {paths.REPORT} in a browser")


def _metrics(name: str) -> Any:
    return read_json(paths.METRICS / name, "run `dvc repro report`, which makes what it needs")
