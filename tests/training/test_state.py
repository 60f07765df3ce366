"""A training run that is stopped at any moment goes on, and ends as if it had not been stopped."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO

import mlx.core as mx
import numpy as np
import pytest

from mlx_reward.training.history import LogHistory
from mlx_reward.training.state import StateFile, TrainerState
from mlx_reward.utils.fingerprint import fingerprint

ROOT = Path(__file__).parents[2]
# Forks a child for each folder it is told, before MLX has run anything: a fresh process each, without the import's seconds.
# Dropout draws random numbers; gradient accumulation, evaluation and saving fall on different steps.
RUNS = """
import os, sys
from contextlib import redirect_stdout
from pathlib import Path
import mlx_reward.cpu
import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_reward.utils import tensors
from mlx_reward.utils.files import whole_file
from mlx_reward.engine.engine import Engine
from mlx_reward.model.adapters import with_adapters
from mlx_reward.training.state import StateFile
from mlx_reward.training.trainer import train
from tests import tiny
from tests.training.test_trainer import compared, settings

def run(folder):
    backbone = tiny.model("llama")
    backbone.freeze()
    mx.random.seed(0)
    model = with_adapters(backbone, 2, rank=4, scale=2.0, dropout=0.2)
    changes = {"batch_size": 3, "grad_accumulation_steps": 2, "epochs": 3, "evals_per_epoch": 3, "save_every": 2}
    with open(folder / "log", "a") as log, redirect_stdout(log):
        resume = StateFile(folder / "run.safetensors", "one")
        train(Engine(model), compared(60), compared(9, seed=1), settings(**changes), resume=resume)
    with whole_file(folder / "end.safetensors") as path:
        tensors.save(path, dict(tree_flatten(model.trainable_parameters())))

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        run(Path(line.strip()))
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Runner:
    def __init__(self) -> None:
        command = [sys.executable, "-c", RUNS]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, folder: Path, kill_after: float | None) -> int:
        """The exit status of a run in ``folder`` that is killed after so many seconds, if it is not done by then."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        folder.mkdir(exist_ok=True)
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        child = int(self.process.stdout.readline())
        if kill_after is not None:
            time.sleep(kill_after)
            with suppress(ProcessLookupError):  # it was done by then
                os.kill(child, signal.SIGKILL)
        return int(self.process.stdout.readline())


def end(folder: Path) -> dict[str, np.ndarray]:
    arrays = mx.load(str(folder / "end.safetensors"))
    return {name: np.array(value) for name, value in arrays.items()}


def test_a_run_killed_at_20_random_moments_ends_with_identical_weights(tmp_path: Path) -> None:
    """SIGKILL leaves no time to tidy up: what counts is what is on disk. Runs that end before the 20th kill count, too."""
    runner, plain, chance = Runner(), tmp_path / "plain", random.Random(0)
    begun = time.monotonic()
    assert runner.run(plain, None) == 0
    takes = time.monotonic() - begun
    expected, kills, taken_up = end(plain), 0, 0
    for number in count():
        if kills == 20:
            break
        folder = tmp_path / str(number)
        while not (folder / "end.safetensors").exists():
            moment = chance.uniform(0, takes / 3) if kills < 20 else None
            status = runner.run(folder, moment)
            assert status in (0, signal.SIGKILL)
            kills += status == signal.SIGKILL
        taken_up += (folder / "log").read_text().count("going on after step")
        found = end(folder)
        assert expected.keys() == found.keys()
        assert all(np.array_equal(expected[name], found[name]) for name in expected)
    assert taken_up > 2
    runner.process.communicate()


def progress(step: int) -> TrainerState:
    tree = {"layers": [{}, {"w": mx.ones((2,)) * step}]}
    return TrainerState(
        step,
        LogHistory([0.5], [1.0]),
        tree,
        tree,
        {"step": mx.array(step), "layers": [{}, {"w": {"m": mx.zeros((2,))}}]},
    )


def test_another_run_is_not_taken_up(tmp_path: Path) -> None:
    """Settings or data that changed make it another run."""
    path = tmp_path / "run.safetensors"
    StateFile(path, fingerprint({"learning_rate": 1e-4}, [[1, 2]])).save(progress(7))
    assert StateFile(path, fingerprint({"learning_rate": 1e-5}, [[1, 2]])).load() is None
    found = StateFile(path, fingerprint({"learning_rate": 1e-4}, [[1, 2]])).load()
    assert found is not None
    assert (found.step, found.history.losses) == (7, [0.5])
    assert found.weights["layers"][1]["w"].tolist() == [7.0, 7.0]


def test_a_full_disk_loses_no_earlier_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resume = StateFile(tmp_path / "run.safetensors", "one")
    resume.save(progress(7))

    def cut(file: BinaryIO, arrays: dict[str, mx.array], **_: object) -> None:
        file.write(b"cut")

    monkeypatch.setattr(mx, "save_safetensors", cut)
    with pytest.raises(OSError, match="No space left"):
        resume.save(progress(8))
    found = resume.load()
    assert found is not None
    assert found.step == 7
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"]
