"""Two processes that mlx.launch starts train as one, and say so when they are not alike or one is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from mlx_reward.training.distributed import SINGLE_PROCESS
from tests import ROOT
from tests.pipeline.test_pipeline_run import configure, make_project, stage


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = make_project(tmp_path_factory.mktemp("ranks"))
    configure(
        project,
        train={
            "epochs": 2,
            "evals_per_epoch": 2,
            "save_every": 3,
            "max_grad_norm": 1.0,
            "learning_rate": 1e-3,
        },
    )
    for name in ("base", "data", "split"):
        assert stage(project, name).returncode == 0
    return project


def launch(project: Path, command: list[str], count: int = 2) -> "subprocess.Popen[str]":
    """In a session of its own, so that nothing of it outlives the test."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    launcher = [
        str(Path(sys.executable).with_name("mlx.launch")),
        "-n",
        str(count),
        "--backend",
        "ring",
        "--cwd",
        str(project),
    ]
    whole = [*launcher, "--env", f"PYTHONPATH={ROOT}", "--", sys.executable, *command]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(
        whole, cwd=project, env=environment, text=True, start_new_session=True, **pipes
    )


def curve(project: Path) -> tuple[list[float], list[float]]:
    plots = project / "metrics" / "plots"
    steps, valid = (json.loads((plots / name).read_text()) for name in ("train.json", "valid.json"))
    return [row["loss"] for row in steps], [row["nll"] for row in valid]


def test_two_processes_have_the_loss_curve_of_one(prepared: Path) -> None:
    assert stage(prepared, "train").returncode == 0
    alone = curve(prepared)
    (prepared / "metrics" / "plots" / "train.json").unlink()
    process = launch(prepared, ["-m", "stages.train"])
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    together = curve(prepared)
    assert together[0] == pytest.approx(alone[0], abs=1e-4)
    assert together[1] == pytest.approx(alone[1], abs=1e-4)
    assert output.count("best at step") == 1  # the first process alone writes and tells


def test_a_lost_process_ends_the_job_and_the_next_goes_on(prepared: Path) -> None:
    """kill -9 of one of two: the other must not wait for ever, and what was saved must not be lost."""
    configure(prepared, train={"epochs": 60, "seed": 1, "save_every": 1})
    process = launch(prepared, ["-m", "stages.train"])
    saved = prepared / "checkpoints" / ".training_run-1.safetensors"
    for _ in range(600):
        if saved.exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    found = subprocess.run(
        ["pgrep", "-s", str(process.pid), "-f", "stages.train"], capture_output=True, text=True
    )
    pythons = [
        int(pid)
        for pid in found.stdout.split()
        if "python" in Path(f"/proc/{pid}/comm").read_text()
    ]
    os.kill(pythons[-1], signal.SIGKILL)
    try:
        output, _ = process.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):  # nothing of it is left, which is what is wanted
            os.killpg(process.pid, signal.SIGKILL)
    assert "start all of them again, and they go on from the last saved step" in output
    assert "Traceback" not in output
    assert saved.exists()


def test_shares_are_everything_once() -> None:
    members = np.arange(7)
    assert SINGLE_PROCESS.part(members).tolist() == members.tolist()
