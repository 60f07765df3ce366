"""Measure the trained model in checkpoints/ on sets that others measure on.

    python benchmarks/outside_sets.py FILE ...

Each file is scored as eval.benchmarks scores it; its kind is recognised.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlx_reward.engine.ensemble import mean_and_deviation
from mlx_reward.engine.load import load
from mlx_reward.evaluation.benchmark_sets.measure import measure, names
from mlx_reward.utils.arrays import Array

ROOT = Path(__file__).parents[1]
SHOWN = ("score", "accuracy", "spearman", "kendall", "ndcg", "best_of_n_regret")


def show(name: str, metrics: dict[str, Any]) -> None:
    """Print the metrics of one file, with their intervals, and those of its parts."""
    questions = f"{metrics['questions']} questions, {metrics['unusable']} unusable"
    print(f"{name}: {metrics['kind']}, {questions}")
    for key in SHOWN:
        if key not in metrics:
            continue
        low, high = metrics.get(f"{key}_low"), metrics.get(f"{key}_high")
        interval = "" if low is None or high is None else f"{low:.3f} to {high:.3f}"
        print(f"  {key:<18}{metrics[key]:.4f}  {interval}")
    parts = metrics.get("sections") or metrics.get("subsets") or {}
    for part, value in parts.items():
        print(f"    {part:<30}{value}", flush=True)


def main() -> None:
    base = ROOT / "checkpoints" / "sft_merged_model"
    model = load(ROOT / "checkpoints" / "rm_model_bt", base)

    def score(texts: Sequence[list[int]]) -> Array:
        return mean_and_deviation(model.ensemble.score(texts))[0]

    sources = sys.argv[1:]
    for name, source in zip(names(sources), sources, strict=True):
        show(name, measure(source, model.renderer, score))


if __name__ == "__main__":
    main()
