"""Run the whole pipeline on a file of preferences, in a copy of the project.

    python benchmarks/real_data.py FILE [SECTION.KEY=VALUE ...]
    python benchmarks/real_data.py convarg_pairs.jsonl.gz split.group_by=debate train.epochs=1

prints the time of each stage, the metrics, and the accuracy of each subset. FILE may be a glob; the
other arguments change params.yaml.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

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
    """Make ``changes``, such as train.epochs=1, in params.yaml."""
    params = yaml.safe_load(path.read_text())
    for change in changes:
        key, value = change.split("=", 1)
        section, name = key.split(".")
        params[section][name] = yaml.safe_load(value)
    path.write_text(yaml.safe_dump(params))


def run_stages(project: Path) -> None:
    """Run every stage, and print its time."""
    for stage in STAGES:
        start = perf_counter()
        subprocess.run([sys.executable, "-m", f"stages.{stage}"], cwd=project, check=True)
        print(f"{stage:<10} {perf_counter() - start:7.0f} s", flush=True)


def show_metrics(folder: Path) -> None:
    """Print the metrics, and the accuracy of each subset with its interval."""
    metrics = json.loads((folder / "eval.json").read_text())
    for name in SHOWN:
        print(f"{name:<22} {metrics[name]:.4f}")
    for subset in json.loads((folder / "plots" / "subset_accuracy.json").read_text()):
        interval = f"{subset['low']:.3f} to {subset['high']:.3f}"
        print(f"{subset['subset']:<22} {subset['accuracy']:.4f} ({interval})")


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] == "--help":
        raise SystemExit(__doc__)
    source = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary) / "project"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(project)], check=True)
        configure(project / "params.yaml", [f"data.source={source}", *sys.argv[2:]])
        run_stages(project)
        show_metrics(project / "metrics")


if __name__ == "__main__":
    main()
