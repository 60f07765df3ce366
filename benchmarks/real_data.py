"""Run the whole pipeline on a file of preferences, in a copy of the project: accuracy, ECE before
and after, time.

python benchmarks/real_data.py FILE [SECTION.KEY=VALUE ...]
python benchmarks/real_data.py convarg_pairs.jsonl.gz split.group_by=debate train.epochs=1
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
STAGES = ("base", "data", "split", "train", "calibrate", "eval")
SHOWN = (
    "accuracy",
    "longer_wins_accuracy",
    "bag_of_words_accuracy",
    "ece_before",
    "ece",
    "nll_before",
    "nll",
    "pairs",
)


def configure(path: Path, changes: list[str]) -> None:
    params = yaml.safe_load(path.read_text())
    for change in changes:
        key, value = change.split("=", 1)
        section, name = key.split(".")
        params[section][name] = yaml.safe_load(value)
    path.write_text(yaml.safe_dump(params))


def main() -> None:
    source, changes = Path(sys.argv[1]).resolve(), sys.argv[2:]
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary) / "project"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(project)], check=True)
        configure(project / "params.yaml", [f"data.source={source}", *changes])
        for stage in STAGES:
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", f"stages.{stage}"], cwd=project, check=True)
            print(f"{stage:<10} {time.perf_counter() - start:7.0f} s", flush=True)
        evidence = json.loads((project / "metrics" / "eval.json").read_text())
        subsets = json.loads((project / "metrics" / "plots" / "subset_accuracy.json").read_text())
    print("\n".join(f"{name:<22} {evidence[name]:.4f}" for name in SHOWN))
    print(
        "\n".join(
            f"{s['subset']:<22} {s['accuracy']:.4f} ({s['low']:.3f} to {s['high']:.3f})"
            for s in subsets
        )
    )


if __name__ == "__main__":
    main()
