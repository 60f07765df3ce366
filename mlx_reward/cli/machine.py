"""Facts and measurements of this machine: device, BLAS and its speed, streams, memory, cache."""

import os
import platform
import time
from collections.abc import Sequence
from importlib.metadata import version

import mlx.core as mx

from mlx_reward.cpu import prepare
from mlx_reward.cpu.way import takes_cpu_way
from mlx_reward.engine.streams import streams
from mlx_reward.utils.cache_folder import cache_folder
from mlx_reward.utils.install import package_version
from mlx_reward.utils.machine import memory_bytes

# How models run here; where an architecture cannot, a note says so when it is loaded.
CPU_WAY = "float32, without padding, a stream for each core"
ACCELERATOR_WAY = "weights as stored, padded batches, one stream"
MATRIX_SIZE = 1024
MATMULS = 8  # of a measurement, on each stream
REPEATS = 3


def describe_machine() -> list[tuple[str, str]]:
    """Return (name, value) lines in the order in which they are printed."""
    all_streams = streams()
    one_stream_rate = gigaflops(all_streams[:1])
    all_streams_rate = gigaflops(all_streams)
    blas_threads = os.environ.get("OPENBLAS_NUM_THREADS", "all")
    python = f"Python {platform.python_version()}, {platform.platform()}"
    return [
        ("mlx-reward", f"{package_version()} on {python}"),
        ("mlx", f"{version('mlx')}, mlx-lm {version('mlx-lm')}"),
        ("device", str(mx.default_device())),
        ("way", CPU_WAY if takes_cpu_way() else ACCELERATOR_WAY),
        ("BLAS", prepare.status() or "MLX's own"),
        ("streams", f"{len(all_streams)}, {blas_threads} BLAS threads each"),
        (
            "float32 matmul",
            f"{one_stream_rate:.0f} GFLOPS on one stream, {all_streams_rate:.0f} on all",
        ),
        ("memory", f"{memory_bytes() / 2**30:.1f} GiB"),
        ("cache", _cache_size()),
    ]


def gigaflops(streams: Sequence[mx.Stream]) -> float:
    """Return 10^9 floating-point operations per second of square float32 matmuls.

    Each stream computes a chain of them at the same time; the best of three runs counts.
    """
    matrix = mx.random.normal((MATRIX_SIZE, MATRIX_SIZE)) / MATRIX_SIZE**0.5
    mx.eval(matrix)
    return max(_matmul_rate(matrix, streams) for _ in range(REPEATS))


def _matmul_rate(matrix: mx.array, streams: Sequence[mx.Stream]) -> float:
    start = time.perf_counter()
    products = []
    for stream in streams:
        product = matrix
        for _ in range(MATMULS):
            product = mx.matmul(product, matrix, stream=stream)
        products.append(product)
    mx.eval(products)
    seconds = time.perf_counter() - start
    operations = 2 * MATRIX_SIZE**3 * MATMULS * len(streams)
    return operations / seconds / 1e9


def _cache_size() -> str:
    files = [path for path in cache_folder().rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    return f"{cache_folder()}, {size / 2**20:.0f} MiB in {len(files)} files"
