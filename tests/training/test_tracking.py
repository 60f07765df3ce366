"""Curves reach the tracker while a run lasts, and a resumed run logs all steps again."""

import csv
import sys
from pathlib import Path

import pytest

from mlx_reward.engine.engine import Engine
from mlx_reward.training.state import Evaluation, LogHistory
from mlx_reward.training.tracking import Log, tracked
from mlx_reward.training.trainer import train
from mlx_reward.utils.errors import InputError
from tests.toy import dataset, network, settings


def short_run(log: Log) -> LogHistory:
    """Six steps with evaluations after the fourth and the last."""
    changes = {"batch_size": 9, "iters": 6, "evals_per_epoch": 1}
    return train(Engine(network()), dataset(36), dataset(9, seed=1), settings(**changes), log=log)


def column(path: Path, name: str) -> list[tuple[int, float]]:
    with path.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [(int(row["step"]), float(row[name])) for row in rows]


def test_dvclive_has_the_curves_of_the_run(tmp_path: Path) -> None:
    pytest.importorskip("dvclive")
    with tracked("dvclive", tmp_path / "live", {}) as log:
        log_history = short_run(log)
    metrics = tmp_path / "live" / "plots" / "metrics"
    logged = column(metrics / "train" / "loss.tsv", "loss")
    curve = log_history.curve()
    assert [step for step, _ in logged] == [row["step"] for row in curve]
    assert [loss for _, loss in logged] == pytest.approx([row["loss"] for row in curve])
    assert [step for step, _ in column(metrics / "valid" / "nll.tsv", "nll")] == [4, 6]


def test_wandb_has_the_curves_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed; pip install 'mlx-reward[wandb]'")
    monkeypatch.setenv("WANDB_MODE", "offline")  # which needs no account
    with tracked("wandb", tmp_path / "live", {"rank": 8}) as log:
        log_history = short_run(log)
    (run_file,) = (tmp_path / "live" / "wandb").glob("offline-run-*/*.wandb")
    logged = run_file.read_bytes()
    assert all(str(row["loss"]).encode() in logged for row in log_history.curve())
    assert all(str(evaluation.nll).encode() in logged for evaluation in log_history.evaluations)


def test_a_resumed_run_logs_the_steps_before() -> None:
    logged: dict[int, dict[str, float]] = {}
    log_history = LogHistory([0.7, 0.5], [0.5, 1.0], [Evaluation(2, 0.6, 0.75, 0.4)])
    log_history.replay(logged.__setitem__)
    assert logged[1] == {"train/loss": 0.7, "train/accuracy": 0.5}
    assert logged[2] == {
        "train/loss": 0.6,
        "train/accuracy": 0.75,
        "valid/nll": 0.6,
        "valid/accuracy": 0.75,
        "valid/margin": 0.4,
    }


def test_a_tracker_that_is_not_installed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    expected = r"wandb is not installed; set it to none, or pip install .*\[wandb\]"
    with pytest.raises(InputError, match=expected), tracked("wandb", tmp_path, {}):
        pass
