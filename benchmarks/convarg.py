"""Measure quality on debates never seen: accuracy and rank correlation.

    python benchmarks/convarg.py [SEED ...] [train.NAME=VALUE ...]

prints a row for each seed (0 1 2), which holds out debates of its own, and mean and deviation;

    python benchmarks/convarg.py curve [PAIRS ...]

trains on ever more pairs with seed 0 and draws benchmarks/convarg_curve.svg, for which it needs
requirements-convarg.txt.

Data (UKPConvArg1Strict, Habernal & Gurevych 2016) come from the folder that the environment
variable PREFERENCE_DATA names. Everything but the split and the number of epochs is the default of
params.yaml, chosen on the starter set's valid split.
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
from scipy.stats import spearmanr

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("PREFERENCE_DATA", ROOT.parent / "shared" / "data"))
STAGES = ("base", "data", "split", "train", "calibrate", "eval")
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
Row = dict[str, Any]


def read_rows(name: str) -> list[Row]:
    """Return the rows of a compressed file of JSON lines."""
    with gzip.open(DATA / name, "rt") as file:
        return [json.loads(line) for line in file]


def rankings() -> list[Row]:
    """Return the ranked groups with higher scores for more convincing arguments.

    In the published file it is the other way round, as the pairs show: the sign that agrees with
    most of them is taken.
    """
    groups = read_rows("convarg_rankings.jsonl.gz")
    scores = {
        (group["prompt"], response): score
        for group in groups
        for response, score in zip(group["responses"], group["scores"], strict=True)
    }
    chosen_is_higher = []
    for pair in read_rows("convarg_pairs.jsonl.gz"):
        chosen = scores.get((pair["prompt"], pair["chosen"]))
        rejected = scores.get((pair["prompt"], pair["rejected"]))
        if chosen is not None and rejected is not None:
            chosen_is_higher.append(chosen > rejected)
    sign = 1 if np.mean(chosen_is_higher) > 0.5 else -1
    return [group | {"scores": [sign * score for score in group["scores"]]} for group in groups]


def run(seed: int, pairs: int | None = None, changes: Row | None = None) -> Row:
    """Return the metrics of the pipeline in a copy of the project.

    The debates of ``seed`` are held out. ``pairs`` is how many are trained on, None all;
    ``changes`` are settings of section train.
    """
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary) / "project"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(project)], check=True)
        _configure(project / "params.yaml", seed, changes or {})
        for stage in STAGES:
            if stage == "train" and pairs is not None:
                _keep_some(project / "data/processed/rm/rm_train.jsonl", pairs, seed)
            if stage == "eval":
                length_spearman = _write_test_rankings(project)
            command = [sys.executable, "-m", f"stages.{stage}"]
            subprocess.run(command, cwd=project, check=True, stdout=subprocess.DEVNULL)
        metrics = _read_metrics(project / "metrics")
    return metrics | {"length_spearman": length_spearman}


def _configure(path: Path, seed: int, changes: Row) -> None:
    params = yaml.safe_load(path.read_text())
    params["data"]["source"] = str(DATA / "convarg_pairs.jsonl.gz")
    params["split"] |= {"group_by": "debate", "seed": seed}
    params["train"] |= {"epochs": 1, "seed": seed} | changes
    params["eval"] |= {"benchmarks": ["rankings.jsonl"], "probes": 0}
    path.write_text(yaml.safe_dump(params))


def _keep_some(path: Path, count: int, seed: int) -> None:
    """Keep ``count`` lines of a file, drawn by ``seed``, in their order."""
    lines = path.read_text().splitlines(keepends=True)
    drawn = np.random.default_rng(seed).permutation(len(lines))[:count].tolist()
    path.write_text("".join(lines[i] for i in sorted(drawn)))


def _write_test_rankings(project: Path) -> float:
    """Write the rankings of the held-out debates; return how well their lengths rank them.

    That is the mean over rankings of Spearman's correlation of length and score.
    """
    test = (project / "data/processed/rm/rm_test.jsonl").read_text().splitlines()
    prompts = {json.loads(line)["prompt"] for line in test}
    groups = [group for group in rankings() if group["prompt"] in prompts]
    lines = [json.dumps(group) + "\n" for group in groups]
    (project / "rankings.jsonl").write_text("".join(lines))
    correlations = []
    for group in groups:
        lengths = [len(response) for response in group["responses"]]
        correlations.append(spearmanr(lengths, group["scores"]).statistic)
    return float(np.mean(correlations))


def _read_metrics(folder: Path) -> Row:
    """Return what is shown of the files in ``folder``; print a line for each member."""
    metrics: Row = _read(folder / "eval.json")
    members = _read(folder / "train.json").get("members", {})
    for number, member in members.items():
        test = metrics["members"][number]
        print(f"member {number}: valid NLL {member['valid_nll']:.4f}, test {test}", flush=True)
    ranking = _read(folder / "benchmarks.json")["rankings"]
    return metrics | {
        "ranking_spearman": ranking["spearman"],
        "ranking_groups": ranking["groups"],
        "valid_nll": _read(folder / "calibration.json")["valid_nll_before"],
    }


def _read(path: Path) -> Row:
    found: Row = json.loads(path.read_text())
    return found


def run_seeds(seeds: list[int], changes: Row) -> None:
    """Print a row for each seed, then mean and deviation."""
    print(f"{'seed':>5}" + "".join(f"{name:>22}" for name in SHOWN))
    rows = []
    for seed in seeds:
        metrics = run(seed, changes=changes)
        rows.append([metrics[name] for name in SHOWN])
        _print_row(str(seed), rows[-1])
    _print_row("mean", np.mean(rows, axis=0).tolist())
    _print_row("sd", np.std(rows, axis=0).tolist())


def _print_row(name: str, values: list[float]) -> None:
    print(f"{name:>5}" + "".join(f"{value:>22.4f}" for value in values), flush=True)


def run_curve(sizes: list[int]) -> None:
    """Print a line for each number of pairs, and draw them."""
    rows = []
    for size in sizes:
        row = run(0, pairs=size)
        figures = f"accuracy {row['accuracy']:.4f}, Spearman {row['ranking_spearman']:.4f}"
        print(f"{size:>6} pairs: {figures}", flush=True)
        rows.append(row)
    draw_curve(sizes, rows, ROOT / "benchmarks" / "convarg_curve.svg")


def draw_curve(sizes: list[int], rows: list[Row], target: Path) -> None:
    """Draw accuracy against training pairs; ``rows`` are the metrics for each of ``sizes``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    accuracy = np.array([row["accuracy"] for row in rows])
    low = np.array([_end(row, "low") for row in rows])
    high = np.array([_end(row, "high") for row in rows])
    axes.errorbar(
        sizes,
        accuracy,
        yerr=[accuracy - low, high - accuracy],
        marker="o",
        capsize=3,
        color="#2463a6",
        label="accuracy, 95 % interval",
    )
    longer_wins = rows[0]["longer_wins_accuracy"]
    axes.axhline(longer_wins, color="#888888", linestyle="--", label="the longer one")
    axes.set(
        xscale="log",
        xlabel="training pairs",
        ylabel="accuracy on unseen debates",
        xticks=sizes,
        xticklabels=sizes,
    )
    axes.minorticks_off()
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(target, metadata={"Date": None}, facecolor="white")


def _end(row: Row, name: str) -> float:
    """Return an end of the accuracy's interval, the accuracy itself where it has none."""
    end = row[f"accuracy_{name}"]
    return float(row["accuracy"] if end is None else end)


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["curve"]:
        run_curve([int(size) for size in arguments[1:]] or [250, 500, 1000, 2000, 4000])
        return
    seeds = [int(argument) for argument in arguments if "=" not in argument]
    changes = {}
    for argument in arguments:
        if "=" in argument:
            name, value = argument.removeprefix("train.").split("=", 1)
            changes[name] = yaml.safe_load(value)
    run_seeds(seeds or [0, 1, 2], changes)


if __name__ == "__main__":
    main()
