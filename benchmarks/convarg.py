"""Convincing arguments of debates never seen: accuracy and rank correlation over seeds, and a
learning curve as a picture.

python benchmarks/convarg.py [SEED ...] [train.NAME=VALUE ...]  each seed holds out other debates;
mean and spread (0 1 2) python benchmarks/convarg.py curve [PAIRS ...]                 the first
seed on ever more pairs: benchmarks/convarg_curve.svg

Data (UKPConvArg1Strict, Habernal & Gurevych 2016) come from the folder that PREFERENCE_DATA names.
Everything but the split and the number of epochs is the default of params.yaml, chosen on the
starter set's valid split.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from matplotlib.figure import Figure
from scipy.stats import spearmanr

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("PREFERENCE_DATA", ROOT.parent / "shared" / "data"))
STAGES = ("base", "data", "split", "train", "calibrate", "eval")
Row = dict[str, Any]


def rankings() -> list[Row]:
    """The ranked groups, the more convincing the higher: in the file it is the other way round, as
    its own pairs show.
    """
    with gzip.open(DATA / "convarg_rankings.jsonl.gz", "rt") as file:
        groups = [json.loads(line) for line in file]
    with gzip.open(DATA / "convarg_pairs.jsonl.gz", "rt") as file:
        pairs = [json.loads(line) for line in file]
    score = {
        (g["prompt"], r): s
        for g in groups
        for r, s in zip(g["responses"], g["scores"], strict=True)
    }
    both = [
        (score.get((p["prompt"], p["chosen"])), score.get((p["prompt"], p["rejected"])))
        for p in pairs
    ]
    higher = np.mean([a > b for a, b in both if a is not None and b is not None])
    sign = 1 if higher > 0.5 else -1
    return [g | {"scores": [sign * s for s in g["scores"]]} for g in groups]


def run(seed: int, pairs: int | None = None, changes: Row | None = None) -> Row:
    """The pipeline in a copy of the project, the debates of ``seed`` held out; trained on so many
    pairs, with ``changes``.
    """
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary) / "project"
        subprocess.run(
            ["git", "-c", "advice.detachedHead=false", "clone", "--quiet", str(ROOT), str(project)],
            check=True,
        )
        params = yaml.safe_load((project / "params.yaml").read_text())
        params["data"]["source"] = str(DATA / "convarg_pairs.jsonl.gz")
        params["split"] |= {"group_by": "debate", "seed": seed}
        params["train"] |= {"epochs": 1, "seed": seed} | (changes or {})
        params["eval"] |= {"benchmarks": ["rankings.jsonl"], "probes": 0}
        (project / "params.yaml").write_text(yaml.safe_dump(params))
        for stage in STAGES:
            if stage == "train" and pairs is not None:
                _cut(project / "data/processed/rm/rm_train.jsonl", pairs, seed)
            if stage == "eval":
                lengths = _hold_out(project)
            subprocess.run(
                [sys.executable, "-m", f"stages.{stage}"],
                cwd=project,
                check=True,
                stdout=subprocess.DEVNULL,
            )
        found: Row = json.loads((project / "metrics/eval.json").read_text())
        valid = json.loads((project / "metrics/calibration.json").read_text())["valid_nll_before"]
        members = json.loads((project / "metrics/train.json").read_text()).get("members", {})
        for number, member in members.items():
            print(
                f"member {number}: valid NLL {member['valid_nll']:.4f}, test {found['members'][number]}",
                flush=True,
            )
        ranks = json.loads((project / "metrics/benchmarks.json").read_text())["rankings"]
    return found | {
        "ranking_spearman": ranks["spearman"],
        "ranking_groups": ranks["groups"],
        "length_spearman": lengths,
        "valid_nll": valid,
    }


def _cut(path: Path, count: int, seed: int) -> None:
    lines = path.read_text().splitlines(keepends=True)
    chosen = sorted(np.random.default_rng(seed).permutation(len(lines))[:count].tolist())
    path.write_text("".join(lines[i] for i in chosen))


def _hold_out(project: Path) -> float:
    """Write the rankings of the held-out debates; the mean rank correlation of their lengths."""
    prompts = {
        json.loads(line)["prompt"] for line in (project / "data/processed/rm/rm_test.jsonl").open()
    }
    groups = [g for g in rankings() if g["prompt"] in prompts]
    (project / "rankings.jsonl").write_text("".join(json.dumps(g) + "\n" for g in groups))
    return float(
        np.mean(
            [spearmanr([len(r) for r in g["responses"]], g["scores"]).statistic for g in groups]
        )
    )


SHOWN = (
    "accuracy",
    "longer_wins_accuracy",
    "ranking_spearman",
    "length_spearman",
    "ece_before",
    "ece",
    "ranking_groups",
    "pairs",
    "valid_nll",
)


def seeds(chosen: list[int], changes: Row) -> None:
    print(f"{'seed':>5}" + "".join(f"{name:>22}" for name in SHOWN))
    rows = []
    for seed in chosen:
        rows.append(run(seed, changes=changes))
        print(f"{seed:>5}" + "".join(f"{rows[-1][name]:>22.4f}" for name in SHOWN), flush=True)
    for name, measure in (("mean", np.mean), ("sd", np.std)):
        print(f"{name:>5}" + "".join(f"{measure([row[n] for row in rows]):>22.4f}" for n in SHOWN))


def curve(sizes: list[int]) -> None:
    rows = []
    for size in sizes:
        rows.append(run(0, size))
        print(
            f"{size:>6} pairs: accuracy {rows[-1]['accuracy']:.4f}, Spearman {rows[-1]['ranking_spearman']:.4f}",
            flush=True,
        )
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    middle = np.array([row["accuracy"] for row in rows])
    spread = [
        middle - [row["accuracy_low"] for row in rows],
        np.array([row["accuracy_high"] for row in rows]) - middle,
    ]
    axes.errorbar(
        sizes,
        middle,
        yerr=spread,
        marker="o",
        capsize=3,
        color="#2463a6",
        label="accuracy, 95 % interval",
    )
    axes.axhline(
        rows[0]["longer_wins_accuracy"], color="#888888", linestyle="--", label="the longer one"
    )
    axes.set(
        xscale="log",
        xlabel="training pairs",
        ylabel="accuracy on unseen debates",
        xticks=sizes,
        xticklabels=sizes,
    )
    axes.minorticks_off()
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(
        ROOT / "benchmarks" / "convarg_curve.svg", metadata={"Date": None}, facecolor="white"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["curve"]:
        curve([int(a) for a in sys.argv[2:]] or [250, 500, 1000, 2000, 4000])
    else:
        changes = dict(a.removeprefix("train.").split("=", 1) for a in sys.argv[1:] if "=" in a)
        numbers = [int(a) for a in sys.argv[1:] if "=" not in a]
        seeds(
            numbers or [0, 1, 2], {name: yaml.safe_load(value) for name, value in changes.items()}
        )
