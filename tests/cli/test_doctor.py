"""`mlx-reward doctor` prints what the machine offers."""

import re
import subprocess
import sys

import mlx.core as mx

from mlx_reward.cli.machine import gigaflops


def test_the_command_prints_device_blas_speed_and_memory() -> None:
    command = [sys.executable, "-m", "mlx_reward", "doctor"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")  # no note that MLX was not prepared
    separator = r"\s{2,}|(?<=matmul)\s"
    facts = dict(re.split(separator, line, maxsplit=1) for line in result.stdout.splitlines())
    expected = {"mlx-reward", "device", "BLAS", "streams", "float32 matmul", "memory", "cache"}
    assert expected <= set(facts)
    assert re.match(r"[1-9]\d* GFLOPS on one stream, [1-9]\d* on all", facts["float32 matmul"])


def test_the_rate_is_plausible() -> None:
    """Between an old laptop and a large accelerator; miscounted operations would fall outside."""
    assert 1 < gigaflops([mx.default_stream(mx.default_device())]) < 1e6
