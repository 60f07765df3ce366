"""Write metrics/gate.json, and exit with 1 where the model misses a bar of params.yaml.

Inside ``dvc exp run`` it exits with 0 all the same: DVC throws an experiment away whose last stage
fails, and a person who tries settings out wants to see what they did.
"""

import os
import sys

from mlx_reward.config.gate import GateSettings
from mlx_reward.config.reader import read_section
from mlx_reward.evaluation.gate import regression, shortfalls
from mlx_reward.evaluation.paired import compare_rows
from mlx_reward.pipeline import paths
from mlx_reward.pipeline.reference import rewards_of
from mlx_reward.utils.files import read_json, read_jsonl, write_json

IN_EXPERIMENT = "DVC_EXP_NAME"  # which DVC sets for the stages of `dvc exp run`


def main() -> None:
    settings = read_section(paths.PARAMS, "gate", GateSettings)
    metrics = read_json(paths.METRICS / "eval.json", "run `dvc repro eval`")
    missed = shortfalls(
        accuracy=metrics["accuracy"],
        ece=metrics["ece"],
        min_accuracy=settings.min_accuracy,
        max_ece=settings.max_ece,
    )
    if settings.against is not None and settings.max_regression is not None:
        before, after = rewards_of(settings.against), list(read_jsonl(paths.TEST_REWARDS))
        change = compare_rows(before, after)
        missed += regression(change, settings.against, settings.max_regression)
    write_json(paths.METRICS / "gate.json", {"passed": not missed, "shortfalls": missed})
    if not missed:
        print(f"PASS: accuracy {metrics['accuracy']:.4f}, ECE {metrics['ece']:.4f}")
        return
    print(f"FAIL: {'; '.join(missed)}", file=sys.stderr)
    if IN_EXPERIMENT not in os.environ:
        sys.exit(1)
