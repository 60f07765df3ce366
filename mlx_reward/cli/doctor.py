"""What this machine offers to mlx-reward: device, BLAS and its measured speed, streams, memory, cache."""

import os
import platform
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import mlx.core as mx

from mlx_reward.cpu import prepare
from mlx_reward.engine.streams import streams
from mlx_reward.utils.cache_folder import cache_folder

SIZE, ROUNDS = 1024, 8


def report() -> list[tuple[str, str]]:
    """(what, how it is) in the order to be read."""
    every = streams()
    rates = gigaflops(every[:1]), gigaflops(every)
    kept = [path for path in cache_folder().rglob("*") if path.is_file()]
    return [
        (
            "mlx-reward",
            f"{_version('mlx-reward')} on Python {platform.python_version()}, {platform.platform()}",
        ),
        ("mlx", f"{_version('mlx')}, mlx-lm {_version('mlx-lm')}"),
        ("device", str(mx.default_device())),
        ("BLAS", prepare.status() or "MLX's own"),
        (
            "streams",
            f"{len(every)}, {os.environ.get('OPENBLAS_NUM_THREADS', 'all')} BLAS threads each",
        ),
        ("float32 matmul", f"{rates[0]:.0f} GFLOPS on one stream, {rates[1]:.0f} on all"),
        ("memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB"),
        (
            "cache",
            f"{cache_folder()}, {sum(path.stat().st_size for path in kept) / 2**20:.0f} MiB in {len(kept)} files",
        ),
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(from its source folder)"


def gigaflops(streams: Sequence[mx.Stream]) -> float:
    """10^9 floating-point operations a second of square float32 matmuls, one chain a stream; the best of three runs."""
    a = mx.random.normal((SIZE, SIZE)) / SIZE**0.5
    mx.eval(a)
    return max(_run(a, streams) for _ in range(3))


def _run(a: mx.array, streams: Sequence[mx.Stream]) -> float:
    start = time.perf_counter()
    found = []
    for stream in streams:
        product = a
        for _ in range(ROUNDS):
            product = mx.matmul(product, a, stream=stream)
        found.append(product)
    mx.eval(found)
    return 2 * SIZE**3 * ROUNDS * len(streams) / (time.perf_counter() - start) / 1e9
