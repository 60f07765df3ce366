"""Write metrics/gate.json, and exit with 1 where the model misses a bar of params.yaml.

Inside ``dvc exp run`` it exits with 0 all the same: DVC throws an experiment away whose last stage
fails, and a person who tries settings out wants to see what they did.
"""

import os
import sys

from mlx_reward.config.gate import GateSettings
from mlx_reward.config.reader import read_section
from mlx_reward.evaluation.gate import gate_shortfalls
from mlx_reward.pipeline import paths
from mlx_reward.pipeline.reference import rewards_of
from mlx_reward.utils.files import read_json, read_jsonl, write_json

IN_EXPERIMENT = "DVC_EXP_NAME"  # which DVC sets for the stages of `dvc exp run`


def main() -> None:
    settings = read_section(paths.PARAMS, "gate", GateSettings)
    metrics = read_json(paths.METRICS / "eval.json", "run `dvc repro eval`")
    rewards = list(read_jsonl(paths.TEST_REWARDS))
    earlier = rewards_of(settings.against) if settings.against is not None else []
    missed = gate_shortfalls(metrics, rewards, earlier, settings)
    write_json(paths.METRICS / "gate.json", {"passed": not missed, "shortfalls": missed})
    if not missed:
        print(f"PASS: accuracy {metrics['accuracy']:.4f}, ECE {metrics['ece']:.4f}")
        return
    print(f"FAIL: {'; '.join(missed)}", file=sys.stderr)
    if IN_EXPERIMENT not in os.environ:
        sys.exit(1)
