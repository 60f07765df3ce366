"""An interrupted run resumes, and ends as if it had not been interrupted."""

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

from mlx_reward.training.state import Evaluation, LogHistory, StateFile, TrainerState
from mlx_reward.training.step import StepResult
from mlx_reward.utils.fingerprint import fingerprint
from tests import ROOT

# Forks a process for each folder it reads, before MLX has run anything, which saves the seconds of
# the imports. Dropout draws random numbers; accumulation, evaluation and saving fall on different
# steps.
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
from tests.toy import dataset, settings

CHANGES = {
    "batch_size": 3,
    "grad_accumulation_steps": 2,
    "epochs": 3,
    "evals_per_epoch": 3,
    "save_every": 2,
}

def run(folder):
    backbone = tiny.model("llama")
    backbone.freeze()
    mx.random.seed(0)
    model = with_adapters(backbone, 2, rank=4, scale=2.0, dropout=0.2)
    state_file = StateFile(folder / "run.safetensors", "one")
    with open(folder / "log", "a") as log, redirect_stdout(log):
        train(
            Engine(model),
            dataset(60),
            dataset(9, seed=1),
            settings(**CHANGES),
            state_file=state_file,
        )
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
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNS],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, kill_after: float | None) -> int:
        """The exit status of a run in ``folder``, killed after so many seconds if it still runs."""
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


def final_weights(folder: Path) -> dict[str, np.ndarray]:
    arrays = mx.load(str(folder / "end.safetensors"))
    return {name: np.array(value) for name, value in arrays.items()}


@pytest.mark.parametrize("total", [5, pytest.param(20, marks=pytest.mark.slow)])
def test_a_run_killed_at_random_moments_ends_with_identical_weights(
    tmp_path: Path, total: int
) -> None:
    """SIGKILL leaves no time to tidy up: only what is on disk counts.

    A run may end before it is killed; then another starts, until there have been ``total`` kills.
    """
    runner, uninterrupted, rng = Runner(), tmp_path / "uninterrupted", random.Random(0)
    begun = time.monotonic()
    assert runner.run(uninterrupted, None) == 0
    duration = time.monotonic() - begun
    expected = final_weights(uninterrupted)
    kills = resumed = 0
    for number in count():
        if kills == total:
            break
        folder = tmp_path / str(number)
        while not (folder / "end.safetensors").exists():
            moment = rng.uniform(0, duration / 3) if kills < total else None
            status = runner.run(folder, moment)
            assert status in (0, signal.SIGKILL)
            kills += status == signal.SIGKILL
        resumed += (folder / "log").read_text().count("resuming after step")
        found = final_weights(folder)
        assert expected.keys() == found.keys()
        assert all(np.array_equal(expected[name], found[name]) for name in expected)
    assert resumed > total / 8
    runner.process.communicate()


def state(step: int) -> TrainerState:
    tree = {"layers": [{}, {"w": mx.ones((2,)) * step}]}
    return TrainerState(
        step=step,
        log_history=LogHistory([0.5], [1.0], [Evaluation(step, 0.6, 0.75)], skipped=2),
        weights=tree,
        best_weights=tree,
        optimizer_state={"step": mx.array(step), "layers": [{}, {"w": {"m": mx.zeros((2,))}}]},
    )


def test_the_state_of_another_run_is_not_loaded(tmp_path: Path) -> None:
    """Settings or data that changed make it another run."""
    path = tmp_path / "run.safetensors"
    run = fingerprint({"learning_rate": 1e-4}, [[1, 2]])
    other = fingerprint({"learning_rate": 1e-5}, [[1, 2]])
    StateFile(path, run).save(state(7))
    assert StateFile(path, other).load() is None
    found = StateFile(path, run).load()
    assert found is not None
    assert found.step == 7
    assert found.log_history == state(7).log_history
    assert found.weights["layers"][1]["w"].tolist() == [7.0, 7.0]
    assert found.best_weights["layers"][1]["w"].tolist() == [7.0, 7.0]
    assert found.optimizer_state["step"].item() == 7


def test_a_full_disk_loses_no_earlier_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_file = StateFile(tmp_path / "run.safetensors", "one")
    state_file.save(state(7))

    def write_a_part(file: BinaryIO, arrays: dict[str, mx.array], **_: object) -> None:
        file.write(b"cut")

    monkeypatch.setattr(mx, "save_safetensors", write_a_part)
    with pytest.raises(OSError, match="No space left"):
        state_file.save(state(8))
    found = state_file.load()
    assert found is not None
    assert found.step == 7
    assert [path.name for path in tmp_path.iterdir()] == ["run.safetensors"]


def test_the_best_evaluation_is_the_first_with_the_lowest_nll() -> None:
    evaluations = [Evaluation(step, nll, 0.5) for step, nll in ((1, 0.7), (2, 0.6), (3, 0.6))]
    log_history = LogHistory([0.7, 0.6, 0.5], [0.5, 0.5, 1.0], evaluations)
    assert log_history.best.step == 2
    assert log_history.since_best == 1
    assert log_history.curve()[-1] == pytest.approx({"step": 3, "loss": 0.6, "accuracy": 2 / 3})


def test_the_curve_has_the_names_of_trl_and_the_learning_rate_of_the_step_itself() -> None:
    log_history = LogHistory()
    for loss, learning_rate in ((0.7, 0.1), (0.5, 0.3)):
        log_history.add_step(
            StepResult(
                loss=loss,
                accuracy=0.5,
                margin=2 * loss,
                grad_norm=3 * loss,
                learning_rate=learning_rate,
                finite=True,
            )
        )
    assert log_history.curve()[-1] == pytest.approx(
        {
            "step": 2,
            "loss": 0.6,
            "accuracy": 0.5,
            "margin": 1.2,
            "grad_norm": 1.8,
            "learning_rate": 0.3,
        }
    )


def test_an_evaluation_that_is_not_a_number_is_never_the_best() -> None:
    """The first one stayed the best for ever, for nothing is less than NaN."""
    history = LogHistory()
    history.evaluations = [
        Evaluation(step=step, nll=nll, accuracy=0.5)
        for step, nll in enumerate([float("nan"), 0.6, float("nan"), 0.5, 0.7], 1)
    ]
    assert history.best.step == 4
    assert history.since_best == 1
    assert [row["step"] for row in history.evaluation_curve()] == [2, 4, 5]  # JSON has no NaN
