"""Write metrics/gate.json, and exit with 1 unless the model clears the bars of params.yaml.

Inside ``dvc exp run`` it exits with 0 all the same: DVC throws an experiment away whose last stage
fails, and a person who tries settings out wants to see what they did.
"""

import os
import sys
from dataclasses import asdict
from typing import Any

from mlx_reward.config.gate import GateSettings
from mlx_reward.config.reader import read_section
from mlx_reward.evaluation.gate import gate_verdict
from mlx_reward.evaluation.warnings import warnings
from mlx_reward.pipeline.paths import PARAMS, Paths
from mlx_reward.pipeline.reference import rewards_of
from mlx_reward.utils.files import read_json, read_jsonl, write_json

IN_EXPERIMENT = "DVC_EXP_NAME"  # which DVC sets for the stages of `dvc exp run`


def main() -> None:
    settings = read_section(PARAMS, "gate", GateSettings)
    passed = gate(settings, Paths())
    if not passed and IN_EXPERIMENT not in os.environ:
        sys.exit(1)


def gate(settings: GateSettings, paths: Paths) -> bool:
    """Write metrics/gate.json, print the verdict and return whether the model passed."""
    metrics = read_json(paths.metrics / "eval.json", "run `dvc repro eval`")
    probes = read_json(paths.metrics / "probes.json", "run `dvc repro eval`")
    rewards = list(read_jsonl(paths.test_rewards))
    earlier: list[dict[str, Any]] = []
    if settings.against is not None:
        earlier = rewards_of(settings.against, paths.test_rewards)
    verdict = gate_verdict(metrics, probes, rewards, earlier, settings)
    doubts = warnings(metrics, probes)
    write_json(
        paths.metrics / "gate.json",
        {"verdict": verdict.word, "passed": verdict.passed, **asdict(verdict), "warnings": doubts},
    )
    for line in verdict.power:
        print(line)
    for line in doubts:
        print(f"warning: {line}")
    if verdict.passed:
        print(f"PASS: {_summary(metrics)}")
    else:
        reasons = "; ".join(verdict.shortfalls + verdict.undecided)
        print(f"{verdict.word}: {reasons}", file=sys.stderr)
    return verdict.passed


def _summary(metrics: dict[str, Any]) -> str:
    line = f"accuracy {metrics['accuracy']:.4f}"
    if metrics["ece_debiased"] is not None:
        line += f", debiased ECE {metrics['ece_debiased']:.4f}"
    return line
