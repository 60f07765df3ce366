"""Processes that mlx.launch starts train as one; a difference or a lost process is one line."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from mlx_reward.training.distributed import DataParallel
from tests import ROOT
from tests.pipeline.test_pipeline_run import configure, make_project, stage

CHECK_STEPS = """
from mlx_reward.training.distributed import DataParallel
from mlx_reward.utils.errors import InputError

data_parallel = DataParallel.init()
data_parallel.check_equal("seeds", 1 << 24 | 1)
try:
    data_parallel.check_equal("steps", 25 * data_parallel.rank)
except InputError as error:
    print(f"rank {data_parallel.rank}: {error}", flush=True)
"""

PLACKETT_LUCE = """
import json, sys
from pathlib import Path
from mlx_reward.engine.engine import Engine
from mlx_reward.training.distributed import DataParallel
from mlx_reward.training.trainer import train
from tests.toy import dataset, loss_settings, network, settings

data_parallel = DataParallel.init()
listwise = settings(
    loss=loss_settings(kind="plackett_luce", centering=0.1), batch_size=8, epochs=1, warmup=0.0
)
log_history = train(
    Engine(network()), dataset(36), dataset(9, seed=1), listwise, data_parallel=data_parallel
)
Path(sys.argv[1], f"{data_parallel.rank}.json").write_text(
    json.dumps([log_history.losses, [evaluation.nll for evaluation in log_history.evaluations]])
)
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = make_project(tmp_path_factory.mktemp("distributed"))
    changes = {
        "epochs": 2,
        "evals_per_epoch": 2,
        "save_every": 3,
        "max_grad_norm": 1.0,
        "learning_rate": 1e-3,
    }
    configure(project, train=changes)
    for name in ("base", "data", "split"):
        assert stage(project, name).returncode == 0
    return project


def launch(folder: Path, command: list[str]) -> "subprocess.Popen[str]":
    """Start two processes in a session of their own, so that nothing of it outlives the test."""
    launcher = [
        str(Path(sys.executable).with_name("mlx.launch")),
        *("-n", "2"),
        *("--backend", "ring"),
        *("--cwd", str(folder)),
        *("--env", f"PYTHONPATH={ROOT}"),
    ]
    return subprocess.Popen(
        [*launcher, "--", sys.executable, *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def curves(project: Path) -> tuple[list[float], list[float]]:
    """The loss of every step and the NLL of every evaluation."""
    plots = project / "metrics" / "plots"
    steps = json.loads((plots / "train.json").read_text())
    evaluations = json.loads((plots / "valid.json").read_text())
    return [row["loss"] for row in steps], [row["nll"] for row in evaluations]


def test_two_processes_have_the_loss_curve_of_one(prepared: Path) -> None:
    assert stage(prepared, "train").returncode == 0
    alone = curves(prepared)
    (prepared / "metrics" / "plots" / "train.json").unlink()
    process = launch(prepared, ["-m", "stages.train"])
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    together = curves(prepared)
    assert together[0] == pytest.approx(alone[0], abs=1e-4)
    assert together[1] == pytest.approx(alone[1], abs=1e-4)
    assert output.count("best at step") == 1  # the first process alone writes and prints


def test_two_processes_cut_no_choice_of_plackett_luce(tmp_path: Path) -> None:
    """They once took each its pairs of a ranking, and picked out of fewer responses."""
    script = tmp_path / "listwise.py"
    script.write_text(PLACKETT_LUCE)
    alone, together = tmp_path / "alone", tmp_path / "together"
    for folder in (alone, together):
        folder.mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), str(alone)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    process = launch(ROOT, [str(script), str(together)])
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    losses, nlls = json.loads((alone / "0.json").read_text())
    for rank in (0, 1):
        found = json.loads((together / f"{rank}.json").read_text())
        assert found[0] == pytest.approx(losses, abs=1e-4)
        assert found[1] == pytest.approx(nlls, abs=1e-4)


def test_processes_that_differ_say_in_what(tmp_path: Path) -> None:
    """Among others 2^24 + 1, which float32 cannot tell from its neighbour."""
    script = tmp_path / "check.py"
    script.write_text(CHECK_STEPS)
    process = launch(tmp_path, [str(script)])
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    for rank in (0, 1):
        expected = "the processes do not agree on steps: 0 on rank 0, 25 on rank 1; give every"
        assert f"rank {rank}: {expected}" in output
    assert "seeds" not in output


def python_processes(session: int) -> list[int]:
    """The ids of the training processes that the launcher of ``session`` started."""
    found = subprocess.run(
        ["pgrep", "-s", str(session), "-f", "stages.train"], capture_output=True, text=True
    )
    ids = [int(line) for line in found.stdout.split()]
    return [pid for pid in ids if "python" in Path(f"/proc/{pid}/comm").read_text()]


def test_a_lost_process_ends_the_job_and_its_state_stays(prepared: Path) -> None:
    """kill -9 of one of two: the other must not wait for ever, and the saved state must stay."""
    configure(prepared, train={"epochs": 60, "seed": 1, "save_every": 1})
    process = launch(prepared, ["-m", "stages.train"])
    saved = prepared / "checkpoints" / ".training_run-1.safetensors"
    for _ in range(600):
        if saved.exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    os.kill(python_processes(process.pid)[-1], signal.SIGKILL)
    try:
        output, _ = process.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):  # nothing of it is left, as it should be
            os.killpg(process.pid, signal.SIGKILL)
    assert "restart all processes; training resumes at the last saved step" in output
    assert "Traceback" not in output
    assert saved.exists()


def test_batches_are_dealt_in_turn() -> None:
    dealt = [DataParallel(rank, size=3).deal("abcdefg") for rank in range(3)]
    assert dealt == ["adg", "be", "cf"]
