"""Measure MLX's float32 matmul on this CPU: as shipped, and with the BLAS that mlx-reward loads.

    python benchmarks/blas.py

prints rates, how often they are MLX's own, and the largest relative error.
"""

import json
import os
import subprocess
import sys
from time import perf_counter
from typing import Any

SHAPES = ((2048, 576, 1536), (2048, 2048, 2048))  # m, k, n
REPEATS = 5


def measure() -> dict[str, Any]:
    """Return the name of the BLAS, and (GFLOPS, error) for each shape."""
    from mlx_reward.cpu import prepare  # before mlx

    # isort: split
    import mlx.core as mx
    import numpy as np

    found: dict[str, Any] = {"blas": prepare.status()}
    for m, k, n in SHAPES:
        a = mx.random.normal((m, k))
        b = mx.random.normal((k, n))
        mx.eval(a, b)
        seconds = []
        for _ in range(REPEATS):
            start = perf_counter()
            product = a @ b
            mx.eval(product)
            seconds.append(perf_counter() - start)
        exact = np.array(a, dtype=np.float64) @ np.array(b, dtype=np.float64)
        error = float(np.abs(np.array(product) - exact).max() / np.abs(exact).max())
        found[f"{m}x{k}x{n}"] = [2 * m * k * n / min(seconds) / 1e9, error]
    return found


def measure_with(**environment: str) -> dict[str, Any]:
    """Return what ``measure`` finds in a process with these environment variables."""
    answer = subprocess.run(
        [sys.executable, __file__, "--measure"],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def compare() -> None:
    """Print the rates with one BLAS thread and with one for each core."""
    shipped = measure_with(MLX_REWARD_BLAS="off")
    for threads in ("1", str(os.cpu_count())):
        ours = measure_with(OPENBLAS_NUM_THREADS=threads)
        print(f"{ours.pop('blas')}, {threads} threads")
        for shape, (rate, error) in ours.items():
            own_rate, _ = shipped[shape]
            times = f"{rate / own_rate:5.1f} times MLX's own ({own_rate:.0f})"
            print(f"  {shape:<16} {rate:6.0f} GFLOPS, {times}, error {error:.0e}")


def main() -> None:
    if sys.argv[1:] == ["--measure"]:
        print(json.dumps(measure()))
    else:
        compare()


if __name__ == "__main__":
    main()
