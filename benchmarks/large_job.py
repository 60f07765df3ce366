"""`mlx-reward score` over many rows, killed again and again, against the same job left alone: the
files must be equal.

python benchmarks/large_job.py [ROWS] [KILLS]      100,000 rows and 5 kills, on a tiny random model:
what is tested is the job
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


def peak_memory(pid: int) -> float:
    """MB that a process held at most."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return int(fields.get("VmHWM", "0").split()[0]) / 1e3


def score(folder: Path, target: Path, seconds: float | None = None) -> tuple[float, float]:
    """Run the command, killed after ``seconds``; its time and its peak memory."""
    command = [
        sys.executable,
        "-m",
        "mlx_reward",
        "score",
        str(folder / "rows.jsonl"),
        "-o",
        str(target),
    ]
    begun = time.monotonic()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*command, "-m", str(folder / "rm_model_bt")], env=environment)
    memory = 0.0
    while process.poll() is None:
        memory = max(memory, peak_memory(process.pid))
        time.sleep(0.2)
        if seconds is not None and time.monotonic() - begun > seconds:
            process.send_signal(signal.SIGKILL)
            process.wait()
    return time.monotonic() - begun, memory


def main() -> None:
    rows, kills = (
        int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((1, 100_000), (2, 5))
    )
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        trained(folder, "llama", bits=4)
        with (folder / "rows.jsonl").open("w") as file:
            for n in range(rows):
                file.write(
                    json.dumps(
                        {
                            "id": n,
                            "prompt": f"question {n % 5000}",
                            "response": "word " * chance.randint(1, 12),
                        }
                    )
                    + "\n"
                )
        whole, memory = score(folder, folder / "whole.jsonl")
        print(f"left alone: {whole:.0f} s, at most {memory:.0f} MB", flush=True)
        for _ in range(kills):
            score(folder, folder / "out.jsonl", whole * chance.uniform(0.05, 0.9) / kills)
            done = sum(p.stat().st_size for p in folder.glob("out.jsonl.*.part"))
            print(
                f"killed at {done / (folder / 'whole.jsonl').stat().st_size:.1%} of the file",
                flush=True,
            )
        score(folder, folder / "out.jsonl")
        same = (folder / "out.jsonl").read_bytes() == (folder / "whole.jsonl").read_bytes()
        count = sum(1 for _ in (folder / "out.jsonl").open())
    print(f"{count} rows, {'the same file' if same else 'ANOTHER FILE'}")
    sys.exit(not same)


if __name__ == "__main__":
    main()
