"""Importing the package leaves the environment of the process as it was."""

import subprocess
import sys

import pytest

REPORT = "import os, sys; before = dict(os.environ); {}; assert dict(os.environ) == before"


@pytest.mark.parametrize("module", ["mlx_reward", "mlx_reward.data.chat"])
def test_the_environment_stays_and_nobody_is_told_to_install_pytorch(module: str) -> None:
    code = REPORT.format(f"import {module}")
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_rooms_that_load_mlx_are_silent_too() -> None:
    """Whichever of their modules comes first; mlx_lm sets the variable by itself, for good."""
    code = "import mlx_reward.backbones.gguf_tokenizer, mlx_reward.exchange.to_transformers"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
