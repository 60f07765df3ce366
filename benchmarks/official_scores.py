"""Figures of the benchmarks' official code, which ours must equal.

    python benchmarks/official_scores.py REWARD_BENCH RM_BENCH

runs the scoring functions of two checkouts, github.com/allenai/reward-bench and
github.com/THU-KEG/RM-Bench, over the random rewards of the tests and writes
tests/evaluation/benchmark_sets/official_scores.json. Needs pandas and datasets.
"""

import __future__

import ast
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.evaluation.benchmark_sets.random_scores import (  # noqa: E402  # not installed
    Row,
    rewardbench,
    rewardbench2,
    rm_bench,
)

Figures = dict[str, Any]
RESULT = ROOT / "tests" / "evaluation" / "benchmark_sets" / "official_scores.json"


def functions(path: Path) -> dict[str, Any]:
    """Return the functions of a module without its imports, which need torch and much more.

    Annotations are not evaluated, for they name what was not imported.
    """
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    names = {"np": np, "pd": pd, "Dataset": datasets.Dataset, "defaultdict": defaultdict}
    exec(compile(tree, str(path), "exec", flags=__future__.annotations.compiler_flag), names)
    return names


def official_rewardbench(checkout: Path, rows: list[Row]) -> Figures:
    """Follow scripts/run_rm.py from the rewards on."""
    constants: dict[str, Any] = {}
    exec((checkout / "rewardbench" / "constants.py").read_text(), constants)
    utils = functions(checkout / "rewardbench" / "utils.py")
    subsets = {}
    for subset in np.unique([row["subset"] for row in rows]).tolist():
        rewards = [row["rewards"] for row in rows if row["subset"] == subset]
        results = [1 if chosen > rejected else 0 for chosen, rejected in rewards]
        subsets[subset] = sum(results) / len(results)
    sections = utils["calculate_scores_per_section"](
        constants["EXAMPLE_COUNTS"], constants["SUBSET_MAPPING"], subsets
    )
    return {
        "score": np.mean(list(sections.values())),
        "sections": sections,
        "subsets": subsets,
    }


def official_rewardbench2(checkout: Path, rows: list[Row]) -> Figures:
    """Follow scripts/run_v2.py from the rewards on."""
    utils = functions(checkout / "rewardbench" / "utils.py")
    unrolled = [
        {"text": text, "scores": reward, "subset": row["subset"], "id": str(row["id"]), "place": n}
        for n, row in enumerate(rows)
        for text, reward in zip(row["chosen"] + row["rejected"], row["rewards"], strict=True)
    ]
    counts = [len(row["rewards"]) for row in rows]
    dataset = utils["reroll_and_score_dataset"](datasets.Dataset.from_list(unrolled), counts)
    dataset = dataset.add_column("num_correct", [len(row["chosen"]) for row in rows])
    subsets = {}
    for subset in np.unique(dataset["subset"]).tolist():
        part = dataset.filter(lambda example, subset=subset: example["subset"] == subset)
        if subset.lower() == "ties":
            _, subsets[subset] = utils["process_single_model"](part)
        else:
            subsets[subset] = sum(part["results"]) / len(part["results"])
    return {"score": np.mean(list(subsets.values())), "subsets": subsets}


def official_rm_bench(checkout: Path, rows: list[Row]) -> Figures:
    """Return what scripts/utils.py makes of rewards in total_dataset.json, in our names."""
    results = [
        {
            "domain": row["domain"],
            "score_chosen": row["rewards"][:3],
            "score_rejected": row["rewards"][3:],
        }
        for row in rows
    ]
    found = functions(checkout / "scripts" / "utils.py")["compute_accuracy"](results)
    return {
        "score": found["total_avg_acc"],
        **{name: found[f"{name}_acc"] for name in ("easy", "normal", "hard")},
        "domains": {domain: found[domain] for domain in ("chat", "math", "code", "safety")},
    }


def main() -> None:
    reward_bench, rm = map(Path, sys.argv[1:])
    figures = {
        "rewardbench": official_rewardbench(reward_bench, rewardbench()),
        "rewardbench2": official_rewardbench2(reward_bench, rewardbench2()),
        "rm_bench": official_rm_bench(rm, rm_bench()),
    }
    RESULT.write_text(json.dumps(figures, indent=2, default=float) + "\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main()
