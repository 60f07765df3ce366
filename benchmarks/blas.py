"""Float32 matmul of MLX on this CPU: as shipped, and with the BLAS that mlx-reward loads.

python benchmarks/blas.py
"""

import json
import os
import subprocess
import sys

SHAPES = ((2048, 576, 1536), (2048, 2048, 2048))
MEASURE = f"""
import json, time
import mlx_reward
import mlx.core as mx, numpy as np
result = {{"blas": prepare.status()}}
for m, k, n in {SHAPES}:
    a, b = mx.random.normal((m, k)), mx.random.normal((k, n))
    mx.eval(a, b)
    seconds = []
    for _ in range(5):
        start = time.perf_counter(); mx.eval(c := a @ b); seconds.append(time.perf_counter() - start)
    exact = np.array(a, dtype=np.float64) @ np.array(b, dtype=np.float64)
    error = float(np.abs(np.array(c) - exact).max() / np.abs(exact).max())
    result[f"{{m}}x{{k}}x{{n}}"] = [2 * m * k * n / min(seconds) / 1e9, error]
print(json.dumps(result))
"""


def measure(**environment: str) -> dict[str, list[float]]:
    answer = subprocess.run(
        [sys.executable, "-c", MEASURE],
        env=os.environ | environment,
        capture_output=True,
        check=True,
    )
    return json.loads(answer.stdout)


def main() -> None:
    shipped = measure(MLX_REWARD_BLAS="off")
    for threads in ("1", str(os.cpu_count())):
        ours = measure(OPENBLAS_NUM_THREADS=threads)
        print(f"{ours.pop('blas')}, {threads} threads")
        for shape, (rate, error) in ours.items():
            slow = shipped[shape][0]
            print(
                f"  {shape:<16} {rate:6.0f} GFLOPS, {rate / slow:5.1f} times MLX's own ({slow:.0f}), error {error:.0e}"
            )


if __name__ == "__main__":
    main()
