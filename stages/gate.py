"""Stop with a non-zero exit where the model misses a bar of params.yaml, and say which and by how much.

python -m stages.gate
"""

import sys

from mlx_reward.errors import InputError, run
from mlx_reward.files import read_json, read_jsonl
from mlx_reward.gate import regression, shortfalls
from mlx_reward.paired import compare_rows
from mlx_reward.settings.gate import GateSettings
from mlx_reward.settings.reader import read_section
from stages import paths
from stages.reference import rewards_of


def main() -> None:
    bars = read_section(paths.PARAMS, "gate", GateSettings)
    evidence = read_json(paths.METRICS / "eval.json", "run `dvc repro eval`")
    missed = shortfalls(evidence["accuracy"], evidence["ece"], bars.min_accuracy, bars.max_ece)
    if bars.against is not None and bars.max_regression is not None:
        found = compare_rows(rewards_of(bars.against), list(read_jsonl(paths.TEST_REWARDS)))
        missed += regression(found, bars.against, bars.max_regression)
    if missed:
        raise InputError("the gate is closed: " + "; ".join(missed))
    print(f"the gate is open: accuracy {evidence['accuracy']:.4f}, ECE {evidence['ece']:.4f}")


if __name__ == "__main__":
    sys.exit(run(main))
