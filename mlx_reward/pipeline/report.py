"""Lay the evidence out on one page, metrics/report.html."""

from mlx_reward.config.gate import GateSettings
from mlx_reward.config.reader import read_section
from mlx_reward.data.pair import read_pairs
from mlx_reward.evaluation.gate import shortfalls
from mlx_reward.evaluation.warnings import warnings
from mlx_reward.pipeline import paths
from mlx_reward.pipeline.reference import rewards_of
from mlx_reward.report.page import Evidence, page
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
    bars, remedy = read_section(paths.PARAMS, "gate", GateSettings), "run `dvc repro eval`"
    figures = read_json(paths.METRICS / "eval.json", remedy)
    before = rewards_of(bars.against) if bars.against is not None else []
    evidence = Evidence(
        figures=figures,
        plots={name: read_json(paths.PLOTS / f"{name}.json", remedy) for name in PLOTS},
        pairs=read_pairs(paths.TEST),
        rewards=list(read_jsonl(paths.TEST_REWARDS)),
        probes=read_json(paths.METRICS / "probes.json", remedy),
        examples=list(read_jsonl(paths.PROBE_EXAMPLES)),
        benchmarks=read_json(paths.METRICS / "benchmarks.json", remedy),
        data=[
            read_json(paths.METRICS / name, "run `dvc repro split`")
            for name in ("data.json", "split.json")
        ],
        missed=shortfalls(figures["accuracy"], figures["ece"], bars.min_accuracy, bars.max_ece),
        warnings=warnings(figures),
        before={row["id"]: row["logit"] for row in before},
    )
    with whole_file(paths.REPORT) as temporary:
        temporary.write_text(page(evidence), encoding="utf-8")
    print(f"open {paths.REPORT} in a browser")
