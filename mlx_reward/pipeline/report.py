"""Write metrics/report.html, the verdict, its evidence and every test pair on one page, and
metrics/report.md, what a pull request needs to know of it.
"""

from typing import Any

from mlx_reward.config.gate import GateSettings
from mlx_reward.config.reader import read_section
from mlx_reward.config.report import ReportSettings
from mlx_reward.data.pair import read_pairs
from mlx_reward.evaluation.gate import gate_verdict
from mlx_reward.evaluation.warnings import warnings
from mlx_reward.pipeline.paths import PARAMS, Paths
from mlx_reward.pipeline.provenance import provenance
from mlx_reward.pipeline.reference import last_run, run_of
from mlx_reward.report.comparison import Earlier
from mlx_reward.report.page import ReportData, page, summary
from mlx_reward.report.provenance import Provenance
from mlx_reward.utils.files import read_json, read_jsonl, whole_file

PLOTS = (
    "reliability_before",
    "reliability_after",
    "rewards",
    "margins",
    "coverage",
    "subset_accuracy",
    "defect_accuracy",
    "train",
    "valid",
)


def main() -> None:
    paths = Paths()
    bars = read_section(PARAMS, "gate", GateSettings)
    settings = read_section(PARAMS, "report", ReportSettings)
    write_report(bars, settings, provenance(PARAMS, paths), paths)


def write_report(
    bars: GateSettings, settings: ReportSettings, origin: Provenance, paths: Paths
) -> None:
    """Write the page with the verdict on the ``bars``, beside the last run that differs."""
    metrics = _metrics(paths, "eval.json")
    probes = _metrics(paths, "probes.json")
    rewards = list(read_jsonl(paths.test_rewards))
    against = run_of(bars.against, paths) if bars.against is not None else None
    before = against or last_run(metrics, paths)
    report = ReportData(
        metrics=metrics,
        plots={name: _metrics(paths, f"plots/{name}.json") for name in PLOTS},
        pairs=read_pairs(paths.test),
        rewards=rewards,
        probes=probes,
        examples=list(read_jsonl(paths.probe_examples)),
        benchmarks=_metrics(paths, "benchmarks.json"),
        data=_metrics(paths, "data.json"),
        split=_metrics(paths, "split.json"),
        training=_metrics(paths, "train.json"),
        bars=bars,
        verdict=gate_verdict(metrics, rewards, against.rewards if against else [], bars),
        warnings=warnings(metrics, probes),
        provenance=origin,
        earlier=Earlier(**vars(before)) if before else None,
        texts=settings.texts,
    )
    with whole_file(paths.report) as temporary:
        temporary.write_text(page(report), encoding="utf-8")
    with whole_file(paths.summary) as temporary:
        temporary.write_text(summary(report), encoding="utf-8")
    print(f"open {paths.report} in a browser")


def _metrics(paths: Paths, name: str) -> Any:
    return read_json(paths.metrics / name, "run `dvc repro report`, which makes what it needs")
