"""Write metrics/gate.json, and exit with 1 where the model misses a bar of params.yaml.

Inside ``dvc exp run`` it exits with 0 all the same: DVC throws an experiment away whose last stage
fails, and a person who tries settings out wants to see what they did.
"""

import os
import sys
from typing import Any

from mlx_reward.config.gate import GateSettings
from mlx_reward.config.reader import read_section
from mlx_reward.evaluation.gate import gate_shortfalls
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
    rewards = list(read_jsonl(paths.test_rewards))
    earlier: list[dict[str, Any]] = []
    if settings.against is not None:
        earlier = rewards_of(settings.against, paths.test_rewards)
    missed = gate_shortfalls(metrics, rewards, earlier, settings)
    write_json(paths.metrics / "gate.json", {"passed": not missed, "shortfalls": missed})
    if missed:
        print(f"FAIL: {'; '.join(missed)}", file=sys.stderr)
    else:
        print(f"PASS: accuracy {metrics['accuracy']:.4f}, ECE {metrics['ece']:.4f}")
    return not missed
