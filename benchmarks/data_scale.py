"""Stages data and split on 10^4, 10^5 and 10^6 synthetic pairs: seconds, microseconds a pair, peak
memory.

python benchmarks/data_scale.py [PAIRS ...]      (needs checkpoints/sft_merged_model: run `dvc repro
base` first)
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
WORDS = [
    f"{a}{b}{c}"
    for a in ("ba", "ke", "mi", "so", "tu")
    for b in ("ran", "lin", "dor", "vex")
    for c in "aeiouy"
] * 40
WORDS = [word + str(n % 40) for n, word in enumerate(WORDS)]


def pairs(count: int) -> Iterator[dict[str, object]]:
    """Mostly different prompts; of each ten one comes again, one with a word changed, and one goes
    on as a conversation.
    """
    rng = random.Random(0)
    last = "the first prompt of all"
    for number in range(count):
        kind = number % 10
        asked = " ".join(rng.choices(WORDS, k=rng.randint(5, 60)))
        good, bad = (" ".join(rng.choices(WORDS, k=rng.randint(5, 80))) for _ in range(2))
        prompt: object = asked
        if kind == 1:
            prompt = last.upper()
        elif kind == 2:
            prompt = last + " changed"
        elif kind == 3:
            prompt = [
                {"role": r, "content": c}
                for r, c in zip(("user", "assistant", "user"), (last, good, asked), strict=True)
            ]
        elif kind == 0:
            last = asked
        yield {"prompt": prompt, "chosen": good, "rejected": bad, "subset": f"s{number % 7}"}


def project(folder: Path, count: int) -> Path:
    """A folder that holds the pairs and what the two stages read."""
    with (folder / "pairs.jsonl").open("w") as file:
        for row in pairs(count):
            file.write(json.dumps(row) + "\n")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["data"]["source"] = "pairs.jsonl"
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "sft_merged_model").symlink_to(
        ROOT / "checkpoints" / "sft_merged_model"
    )
    return folder


def run(folder: Path, stage: str) -> tuple[float, float]:
    """Seconds and peak megabytes of one stage."""
    start = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"stage {stage} failed")
    return time.perf_counter() - start, usage.ru_maxrss / (
        1 << 10 if sys.platform == "linux" else 1 << 20
    )


def main() -> None:
    print(
        f"{'pairs':>9} {'data s':>8} {'split s':>8} {'us/pair':>8} {'data MB':>8} {'split MB':>8}"
    )
    for count in [int(n) for n in sys.argv[1:]] or [10_000, 100_000, 1_000_000]:
        with tempfile.TemporaryDirectory() as temporary:
            folder = project(Path(temporary), count)
            (data, data_mb), (split, split_mb) = run(folder, "data"), run(folder, "split")
        each = 1e6 * (data + split) / count
        print(
            f"{count:>9} {data:>8.1f} {split:>8.1f} {each:>8.1f} {data_mb:>8.0f} {split_mb:>8.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
