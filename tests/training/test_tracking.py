"""Curves reach dvclive as the run goes, and a run that was taken up tells all of it again."""

import csv
import sys
from pathlib import Path

import pytest

from mlx_reward.engine.engine import Engine
from mlx_reward.training.history import Evaluation, LogHistory
from mlx_reward.training.tracking import tracked
from mlx_reward.training.trainer import train
from mlx_reward.utils.errors import InputError
from tests.training.test_trainer import compared, model, settings


def column(path: Path, name: str) -> list[tuple[int, float]]:
    with path.open() as file:
        return [
            (int(row["step"]), float(row[name])) for row in csv.DictReader(file, delimiter="\t")
        ]


def test_dvclive_has_the_curves_of_the_run(tmp_path: Path) -> None:
    pytest.importorskip("dvclive")
    with tracked("dvclive", tmp_path / "live", {}) as log:
        history = train(
            Engine(model()),
            compared(36),
            compared(9, seed=1),
            settings(batch_size=9, iters=6, evals_per_epoch=1),
            log=log,
        )
    metrics = tmp_path / "live" / "plots" / "metrics"
    told = column(metrics / "train" / "loss.tsv", "loss")
    assert [step for step, _ in told] == [row["step"] for row in history.curve()]
    assert [loss for _, loss in told] == pytest.approx([row["loss"] for row in history.curve()])
    assert [step for step, _ in column(metrics / "valid" / "nll.tsv", "nll")] == [4, 6]


def test_wandb_has_the_curves_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed; pip install 'mlx-reward[wandb]'")
    monkeypatch.setenv("WANDB_MODE", "offline")  # which needs no account
    with tracked("wandb", tmp_path / "live", {"rank": 8}) as log:
        history = train(
            Engine(model()),
            compared(36),
            compared(9, seed=1),
            settings(batch_size=9, iters=6, evals_per_epoch=1),
            log=log,
        )
    (written,) = (tmp_path / "live" / "wandb").glob("offline-run-*/*.wandb")
    told = written.read_bytes()
    assert all(str(row["loss"]).encode() in told for row in history.curve())
    assert all(str(evaluation.nll).encode() in told for evaluation in history.evaluations)


def test_a_run_taken_up_tells_what_was_before() -> None:
    told: dict[int, dict[str, float]] = {}
    history = LogHistory([0.7, 0.5], [0.5, 1.0], [Evaluation(2, 0.6, 0.75)])
    history.replay(told.__setitem__)
    assert told[1] == {"train/loss": 0.7, "train/accuracy": 0.5}
    assert told[2] == {
        "train/loss": 0.6,
        "train/accuracy": 0.75,
        "valid/nll": 0.6,
        "valid/accuracy": 0.75,
    }


def test_a_tracker_that_is_not_installed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with (
        pytest.raises(
            InputError, match=r"wandb is not installed; pip install 'mlx-reward\[wandb\]'"
        ),
        tracked("wandb", tmp_path, {}),
    ):
        pass
