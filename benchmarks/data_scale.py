"""Measure time and memory of stages data and split on synthetic pairs.

    python benchmarks/data_scale.py [PAIRS ...]

prints a row for each number of pairs (10000 100000 1000000). Run `dvc repro base` first: the stages
read the tokenizer of checkpoints/sft_merged_model.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import yaml

ROOT = Path(__file__).parents[1]
BYTES_A_UNIT = 1 if sys.platform == "darwin" else 2**10  # of ru_maxrss

STEMS = [
    first + second + last
    for first in ("ba", "ke", "mi", "so", "tu")
    for second in ("ran", "lin", "dor", "vex")
    for last in "aeiouy"
]
WORDS = [f"{stem}{n % 40}" for n, stem in enumerate(STEMS * 40)]


def synthetic_pairs(count: int) -> Iterator[dict[str, object]]:
    """Yield pairs, most of them with prompts of their own.

    Of ten prompts one comes again in capitals, one with a word more, and one continues as a
    conversation.
    """
    rng = random.Random(0)
    last = "the first prompt of all"
    for number in range(count):
        question = _words(rng, 5, 60)
        chosen = _words(rng, 5, 80)
        rejected = _words(rng, 5, 80)
        prompt: object = question
        match number % 10:
            case 0:
                last = question
            case 1:
                prompt = last.upper()
            case 2:
                prompt = last + " changed"
            case 3:
                prompt = [
                    {"role": "user", "content": last},
                    {"role": "assistant", "content": chosen},
                    {"role": "user", "content": question},
                ]
        yield {
            "prompt": prompt,
            "chosen": chosen,
            "rejected": rejected,
            "subset": f"s{number % 7}",
        }


def _words(rng: random.Random, least: int, most: int) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(least, most)))


def make_project(folder: Path, count: int) -> None:
    """Write the pairs and what else the two stages read."""
    with (folder / "pairs.jsonl").open("w") as file:
        for row in synthetic_pairs(count):
            file.write(json.dumps(row) + "\n")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["data"]["source"] = "pairs.jsonl"
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    backbone = Path("checkpoints") / "sft_merged_model"
    (folder / "checkpoints").mkdir()
    (folder / backbone).symlink_to(ROOT / backbone)


def run_stage(folder: Path, stage: str) -> tuple[float, float]:
    """Return seconds and peak megabytes of one stage."""
    start = perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"stage {stage} failed")
    return perf_counter() - start, usage.ru_maxrss * BYTES_A_UNIT / 2**20


def main() -> None:
    counts = [int(argument) for argument in sys.argv[1:]] or [10_000, 100_000, 1_000_000]
    names = ("data s", "split s", "us/pair", "data MB", "split MB")
    print(f"{'pairs':>9}" + "".join(f"{name:>9}" for name in names))
    for count in counts:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            make_project(folder, count)
            data_seconds, data_mb = run_stage(folder, "data")
            split_seconds, split_mb = run_stage(folder, "split")
        each = 1e6 * (data_seconds + split_seconds) / count
        times = f"{data_seconds:>9.1f}{split_seconds:>9.1f}{each:>9.1f}"
        print(f"{count:>9}{times}{data_mb:>9.0f}{split_mb:>9.0f}", flush=True)


if __name__ == "__main__":
    main()
