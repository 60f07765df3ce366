"""Kill `mlx-reward score` again and again, and compare its file with that of a job left alone.

    python benchmarks/large_job.py [ROWS] [KILLS]

scores 100,000 rows and kills the job 5 times. The files must be equal, else the exit code is 1. The
model is tiny and random, for it is the job that is tested.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import mlx_reward.cpu  # noqa: F401  # before mlx

# isort: split
from tests.exchange.test_exchange import trained

ROOT = Path(__file__).parents[1]
PROMPTS = 5000


def write_rows(path: Path, count: int, rng: random.Random) -> None:
    """Write rows to score."""
    with path.open("w") as file:
        for n in range(count):
            row = {
                "id": n,
                "prompt": f"question {n % PROMPTS}",
                "response": "word " * rng.randint(1, 12),
            }
            file.write(json.dumps(row) + "\n")


def peak_mb(pid: int) -> float:
    """Return the memory that a process held at most; 0 when it has just ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1e3
    return 0.0


def score(folder: Path, target: Path, kill_after: float | None = None) -> tuple[float, float]:
    """Run the command, killed after so many seconds; return its time and its peak memory."""
    command = [sys.executable, "-m", "mlx_reward", "score", str(folder / "rows.jsonl")]
    command += ["-o", str(target), "-m", str(folder / "rm_model_bt")]
    start = time.monotonic()
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)})
    memory = 0.0
    while process.poll() is None:
        memory = max(memory, peak_mb(process.pid))
        time.sleep(0.2)
        if kill_after is not None and time.monotonic() - start > kill_after:
            process.send_signal(signal.SIGKILL)
            process.wait()
    return time.monotonic() - start, memory


def compare(folder: Path, rows: int, kills: int) -> bool:
    """Score the same rows twice; return whether the files are equal."""
    rng = random.Random(0)
    trained(folder, "llama", bits=4)
    write_rows(folder / "rows.jsonl", rows, rng)
    whole = folder / "whole.jsonl"
    seconds, memory = score(folder, whole)
    print(f"left alone: {seconds:.0f} s, at most {memory:.0f} MB", flush=True)

    resumed = folder / "resumed.jsonl"
    for _ in range(kills):
        score(folder, resumed, kill_after=seconds * rng.uniform(0.05, 0.9) / kills)
        done = sum(part.stat().st_size for part in folder.glob("resumed.jsonl.*.part"))
        print(f"killed at {done / whole.stat().st_size:.1%} of the file", flush=True)
    score(folder, resumed)
    content = resumed.read_bytes()
    same = content == whole.read_bytes()
    lines = content.count(b"\n")
    print(f"{lines} rows, {'the same file' if same else 'ANOTHER FILE'}")
    return same


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as folder:
        same = compare(Path(folder), rows, kills)
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
