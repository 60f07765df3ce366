"""`mlx-reward doctor` tells what the machine offers."""

import re
import subprocess
import sys

import mlx.core as mx

from mlx_reward.cli.doctor import gigaflops


def test_the_command_prints_device_blas_speed_and_memory() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "mlx_reward", "doctor"], capture_output=True, text=True, timeout=60
    )
    assert answer.returncode == 0, answer.stderr
    told = dict(
        re.split(r"\s{2,}|(?<=matmul)\s", line, maxsplit=1) for line in answer.stdout.splitlines()
    )
    assert {"mlx-reward", "device", "BLAS", "streams", "float32 matmul", "memory", "cache"} <= set(
        told
    )
    assert re.match(r"[1-9]\d* GFLOPS on one stream, [1-9]\d* on all", told["float32 matmul"])


def test_the_rate_is_that_of_the_multiplications_counted() -> None:
    """A machine between an old laptop and a large accelerator; a wrong count of operations would leave this range."""
    assert 1 < gigaflops([mx.default_stream(mx.default_device())]) < 1e6


def test_no_command_and_an_unknown_one_are_told() -> None:
    for arguments in ([], ["dcotor"]):
        command = [sys.executable, "-m", "mlx_reward", *arguments]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert answer.returncode == 2
        assert "usage: mlx-reward" in answer.stderr
