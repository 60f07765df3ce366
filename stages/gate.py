"""Stop with a non-zero exit where the model misses a bar of params.yaml, and say which and by how much.

python -m stages.gate
"""

import sys

from mlx_reward.errors import InputError, run
from mlx_reward.files import read_json
from mlx_reward.gate import shortfalls
from mlx_reward.settings.gate import GateSettings
from mlx_reward.settings.reader import read_section
from stages import paths


def main() -> None:
    bars = read_section(paths.PARAMS, "gate", GateSettings)
    evidence = read_json(paths.METRICS / "eval.json", "run `dvc repro eval`")
    missed = shortfalls(evidence["accuracy"], evidence["ece"], bars.min_accuracy, bars.max_ece)
    if missed:
        raise InputError("the gate is closed: " + "; ".join(missed))
    print(f"the gate is open: accuracy {evidence['accuracy']:.4f}, ECE {evidence['ece']:.4f}")


if __name__ == "__main__":
    sys.exit(run(main))
