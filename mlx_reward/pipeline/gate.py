"""Stop with a non-zero exit where the model misses a bar of params.yaml, and say which and by how much."""

from mlx_reward.config.gate import GateSettings
from mlx_reward.config.reader import read_section
from mlx_reward.evaluation.gate import regression, shortfalls
from mlx_reward.evaluation.paired import compare_rows
from mlx_reward.pipeline import paths
from mlx_reward.pipeline.reference import rewards_of
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import read_json, read_jsonl


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
