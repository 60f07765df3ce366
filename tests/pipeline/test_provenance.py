"""Where a run comes from: the commit of its inputs, and the last run that differs."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from mlx_reward.config.reader import DEFAULTS
from mlx_reward.pipeline.git import git
from mlx_reward.pipeline.paths import Paths
from mlx_reward.pipeline.provenance import provenance
from mlx_reward.pipeline.reference import last_run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose one commit is of the parameters and of a run, in 2020."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2020-02-03T04:05:06+0000")
    (tmp_path / "params.yaml").write_text(DEFAULTS.read_text(encoding="utf-8"), encoding="utf-8")
    checkpoint = tmp_path / "checkpoints" / "rm_model_bt"
    checkpoint.mkdir(parents=True)
    (checkpoint / "reward_config.json").write_text(json.dumps({"base_digest": "f00"}))
    (tmp_path / ".gitignore").write_text("checkpoints\n")
    for command in (["init", "-q"], ["config", "user.email", "a@b"], ["config", "user.name", "a"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    subprocess.run(
        [sys.executable, "-m", "dvc", "init", "-q"], cwd=tmp_path, check=True, capture_output=True
    )
    commit_run(tmp_path, accuracy=0.7)
    return tmp_path


def commit_run(project: Path, accuracy: float) -> None:
    write_metrics(project, accuracy)
    for command in (["add", "-A"], ["commit", "-qm", "a run"]):
        subprocess.run(["git", *command], cwd=project, check=True)


def write_metrics(project: Path, accuracy: float) -> dict[str, float]:
    (project / "metrics").mkdir(exist_ok=True)
    metrics = {"accuracy": accuracy}
    (project / "metrics" / "eval.json").write_text(json.dumps(metrics))
    return metrics


def test_committing_a_run_does_not_change_where_it_comes_from(project: Path) -> None:
    """Else the report, which is committed with it, would never be up to date."""
    params = Path("params.yaml")
    before = provenance(params, Paths())
    assert before.commit == git(project, "rev-parse", "--short", "HEAD")
    assert (before.date, before.uncommitted) == ("2020-02-03", False)
    assert (before.base, before.data_source) == ("smollm2-135m-instruct", "starter")
    write_metrics(project, accuracy=0.8)
    assert provenance(params, Paths()) == before
    commit_run(project, accuracy=0.8)
    assert provenance(params, Paths()) == before
    text = params.read_text(encoding="utf-8").replace("epochs: 2", "epochs: 3")
    params.write_text(text, encoding="utf-8")
    changed = provenance(params, Paths())
    assert changed.uncommitted
    assert changed.date == date.today().isoformat()
    assert [setting.name for setting in changed.settings] == ["train.epochs"]


def test_the_last_run_is_the_last_that_differs_before_and_after_a_commit(project: Path) -> None:
    assert last_run(write_metrics(project, 0.7), Paths()) is None
    now = write_metrics(project, 0.8)
    first = git(project, "rev-parse", "--short", "HEAD")
    before = last_run(now, Paths())
    assert before is not None
    assert (before.revision, before.metrics) == (first, {"accuracy": 0.7})
    assert "dvc fetch" in before.missing  # this repository has no test rewards
    commit_run(project, 0.8)
    assert last_run(now, Paths()) == before


def test_a_folder_without_git_has_no_commit(project: Path, tmp_path: Path) -> None:
    (project / ".git").rename(project / "gone")
    found = provenance(Path("params.yaml"), Paths())
    assert (found.commit, found.uncommitted) == (None, False)
    assert found.date == date.today().isoformat()
    assert last_run({"accuracy": 0.1}, Paths()) is None
