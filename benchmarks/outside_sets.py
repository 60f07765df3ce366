"""How far the trained model in checkpoints/ gets on sets that others measure on, as eval.benchmarks
scores them.

python benchmarks/outside_sets.py FILE ...
"""

import sys
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from mlx_reward.data.chat import load_renderer
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.ensemble import Ensemble, mean_and_deviation
from mlx_reward.evaluation.benchmark_sets.measure import measure, name
from mlx_reward.model import checkpoint
from mlx_reward.utils.arrays import Array

ROOT = Path(__file__).parents[1]


def main() -> None:
    base = ROOT / "checkpoints" / "sft_merged_model"
    loaded = checkpoint.load(ROOT / "checkpoints" / "rm_model_bt", base)
    ensemble = Ensemble(Engine(loaded.network), loaded.members)
    renderer = load_renderer(base, loaded.config.max_seq_length, loaded.config.chat_template)

    def score(texts: Sequence[list[int]], prompts: Sequence[Hashable]) -> Array:
        return mean_and_deviation(ensemble.score(texts, prompts))[0]

    for source in sys.argv[1:]:
        found: dict[str, Any] = measure(source, renderer, score)
        print(
            f"{name(source)}: {found['kind']}, {found['questions']} questions, {found['unusable']} unusable"
        )
        for key in ("score", "accuracy", "spearman", "kendall", "ndcg", "best_of_n_regret"):
            if key in found:
                interval = (
                    f"{found[f'{key}_low']:.3f} to {found[f'{key}_high']:.3f}"
                    if f"{key}_low" in found
                    else ""
                )
                print(f"  {key:<18}{found[key]:.4f}  {interval}")
        for part, value in (found.get("sections") or found.get("subsets") or {}).items():
            print(f"    {part:<30}{value}", flush=True)


if __name__ == "__main__":
    main()
