"""Stage gate: a failing model fails `dvc repro` every time, and costs nobody an experiment."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml

from mlx_reward.pipeline.gate import main
from tests import ROOT

ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def run(project: Path, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command.split(), cwd=project, env=ENVIRONMENT, capture_output=True, text=True, timeout=120
    )


def succeed(project: Path, command: str) -> str:
    answer = run(project, command)
    assert answer.returncode == 0, (command, answer.stdout, answer.stderr)
    return answer.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git and DVC project with the real gate stage and code; the model's accuracy is 0.65."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("mlx_reward", "stages"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("params.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["gate"]
    text = yaml.safe_dump({"stages": {"gate": stage}, "metrics": ["metrics/gate.json"]})
    (folder / "dvc.yaml").write_text(text)
    (folder / "metrics").mkdir()
    write_metrics(folder, ece_debiased=0.05)
    (folder / "metrics" / "probes.json").write_text("{}")
    (folder / "checkpoints").mkdir()
    rows = [
        {"id": str(n), "prompt": str(n // 4), "subset": "s", "logit": 1.0 if n % 3 else -1.0}
        for n in range(120)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "checkpoints" / "test_rewards.jsonl").write_text(lines)
    succeed(folder, "git init -q")
    succeed(folder, "git config user.email a@b")
    succeed(folder, "git config user.name a")
    succeed(folder, "dvc init -q")
    succeed(folder, "dvc config core.analytics false")
    succeed(folder, "git add -A")
    succeed(folder, "git commit -qm one")
    return folder


def write_metrics(folder: Path, ece_debiased: float | None) -> None:
    metrics = {
        "accuracy": 0.65,
        "accuracy_low": 0.61,
        "accuracy_high": 0.69,
        "longer_wins_accuracy": 0.6,
        "gain_over_longer_wins": 0.05,
        "gain_over_longer_wins_low": 0.01,
        "gain_over_longer_wins_high": 0.09,
        "ece_debiased": ece_debiased,
        "ece_bins": 15,
        "pairs": 120,
    }
    (folder / "metrics" / "eval.json").write_text(json.dumps(metrics))


def verdict(project: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((project / "metrics" / "gate.json").read_text())
    return found


def test_a_model_below_the_bar_fails_every_time_and_says_by_how_much(project: Path) -> None:
    line = "accuracy 0.6500 is 0.0500 below the bar of 0.7"
    for _ in range(2):
        answer = run(project, "dvc repro gate")
        assert answer.returncode != 0
        assert f"FAIL: {line}\n" in answer.stderr
        assert "Traceback" not in answer.stderr
        found = verdict(project)
        assert (found["verdict"], found["passed"]) == ("FAIL", False)
        assert (found["shortfalls"], found["undecided"]) == ([line], [])
        assert [sentence.split(":")[0] for sentence in found["power"]] == [
            "accuracy",
            "calibration",
        ]  # type: ignore[attr-defined]  # sentences


def kept(project: Path) -> dict[str, object]:
    """gate.json of each experiment, by its name."""
    shown = json.loads(succeed(project, "dvc exp show --json"))
    experiments = [e for commit in shown for e in commit.get("experiments") or []]
    revisions = [e["revs"][0] for e in experiments]
    return {r["name"]: r["data"]["metrics"]["metrics/gate.json"]["data"] for r in revisions}


def test_an_experiment_whose_gate_fails_is_kept_and_repro_after_it_fails(project: Path) -> None:
    """`dvc exp run` ended in an error once, and `dvc exp show` was empty."""
    succeed(project, "dvc exp run --name here -S gate.min_accuracy=0.8 gate")
    assert kept(project)["here"]["passed"] is False  # type: ignore[index]
    assert run(project, "dvc repro gate").returncode != 0


@pytest.mark.slow
def test_so_is_one_in_a_temporary_folder_and_one_of_the_queue(project: Path) -> None:
    succeed(project, "dvc exp run --temp --name apart -S gate.min_accuracy=0.9 gate")
    succeed(project, "dvc exp run --queue --name queued -S gate.min_accuracy=0.95 gate")
    succeed(project, "dvc exp run --run-all")
    assert {"apart", "queued"} <= kept(project).keys()


def test_a_model_above_the_bars_passes(project: Path) -> None:
    answer = run(project, "dvc exp run --name easy -S gate.min_accuracy=0.6 gate")
    assert "PASS: accuracy 0.6500, debiased ECE 0.0500" in answer.stdout
    assert kept(project)["easy"]["passed"] is True  # type: ignore[index]
    assert run(project, "dvc repro gate").returncode == 0


@pytest.mark.parametrize(("max_ece", "word"), [(0.1, "UNDECIDED"), (None, "PASS")])
def test_what_cannot_be_judged_is_undecided_and_no_success(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    max_ece: float | None,
    word: str,
) -> None:
    for name in ("metrics", "checkpoints"):
        shutil.copytree(project / name, tmp_path / name)
    write_metrics(tmp_path, ece_debiased=None)
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["gate"] |= {"min_accuracy": 0.6, "max_ece": max_ece}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    with nullcontext() if word == "PASS" else pytest.raises(SystemExit):
        main()
    assert verdict(tmp_path)["verdict"] == word
    printed = capsys.readouterr()
    if word == "UNDECIDED":
        line = "UNDECIDED: calibration cannot be judged on 120 test pairs, it takes 100"
        assert printed.err.startswith(line)
