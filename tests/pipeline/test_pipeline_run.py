"""The stages one after the other on a tiny backbone, in an empty folder, as dvc runs them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from mlx_lm import load

from tests import ROOT, tiny

STAGES = ["base", "data", "split", "train", "calibrate", "eval", "report", "gate"]
QUICK = {
    "base": {"source": "backbone", "quantize": None},
    "train": {
        "num_layers": 2,
        "epochs": 1,
        "learning_rate": 0.01,
        "max_seq_length": 200,
        "batch_size": 8,
    },
    "split": {"valid_size": 0.2, "test_size": 0.2},
    "gate": {"min_accuracy": 0.0, "max_ece": None},  # so few pairs have no ECE
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project through which every stage went."""
    project = make_project(tmp_path_factory.mktemp("finished"))
    run_all(project, STAGES)
    return project


def make_project(path: Path) -> Path:
    """A folder with a tiny backbone, params.yaml, and 40 groups whose better responses hold more
    vowels.
    """
    tiny.write_backbone(path / "backbone", bits=4)
    (path / "data" / "raw").mkdir(parents=True)
    rows = [
        {
            "prompt": f"q{n}",
            "responses": ["aeiou" * (1 + n % 3), "bdafe", "xzvbn" * (1 + n % 2)],
            "scores": s,
        }
        for n, s in enumerate(
            [[2, 1, 0], [2, 1, 0], [2, 1, 0], [0, 1, 2]] * 10
        )  # some wrong, as in life
    ]
    (path / "data" / "raw" / "mine.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    configure(path, data={"source": "data/raw/mine.jsonl"}, **QUICK)
    return path


def configure(project: Path, **sections: dict[str, object]) -> None:
    path = project / "params.yaml"
    params = yaml.safe_load((path if path.exists() else ROOT / "params.yaml").read_text())
    for section, values in sections.items():
        params[section] |= values
    path.write_text(yaml.safe_dump(params))


def stage(project: Path, name: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", f"stages.{name}"]
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=120
    )


def run_all(project: Path, names: list[str]) -> None:
    """Run stages in one process, which saves most of their time: starting Python and MLX."""
    lines = "; ".join(f"assert run_stage({name!r}) == 0, {name!r}" for name in names)
    code = f"from mlx_reward.pipeline.run import run_stage; {lines}"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr


def test_the_stages_run_and_leave_what_dvc_expects(finished: Path) -> None:
    declared = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for entry in (
        o
        for s in declared.values()
        for kind in ("outs", "metrics", "plots")
        for o in s.get(kind, [])
    ):
        path = next(iter(entry)) if isinstance(entry, dict) else entry
        assert (finished / path).exists(), path
    evidence = json.loads((finished / "metrics" / "eval.json").read_text())
    assert evidence["ece"] is None  # of so few pairs
    ends = ("_low", "_high")  # null where too few prompts hold a wrong decision
    decided = evidence.pop("decided")
    assert decided.keys() == {"max_error", "best_max_error", "coverage"}
    numbers = [v for k, v in evidence.items() if "ece" not in k and not k.endswith(ends)]
    assert all(isinstance(v, (int, float)) for v in numbers)
    assert evidence["pairs"] > 10
    load(
        str(finished / "checkpoints/sft_merged_model"),
        adapter_path=str(finished / "checkpoints/rm_model_bt"),
    )
    assert "OpenBLAS" in stage_blas() or sys.platform != "linux"


@pytest.mark.slow
def test_the_stages_run_the_accelerators_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights as they are stored, padded batches, one stream: what a Mac would do, on a CPU."""
    monkeypatch.setenv("MLX_REWARD_WAY", "accelerator")
    project = make_project(tmp_path)
    configure(project, split={"valid_size": 0.4})  # so that it holds some of the wrong groups
    for name in STAGES:
        answer = stage(project, name)
        assert answer.returncode == 0, (name, answer.stderr)
    evidence = json.loads((project / "metrics" / "eval.json").read_text())
    assert evidence["accuracy"] > 0.5


def stage_blas() -> str:
    """Which BLAS a stage gets: importing mlx before mlx_reward in a stage once made training 20
    times slower, silently.
    """
    code = (
        "import mlx_reward.pipeline.train; from mlx_reward.cpu import prepare; "
        "print(prepare.status())"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    ).stdout


@pytest.mark.slow
def test_an_ensemble_of_whole_blocks_goes_through_every_stage(project: Path) -> None:
    """What the default does not take: several members, full fine-tuning, rankings, blocks run
    again, curves, outside sets.
    """
    (project / "others.jsonl").write_text(
        '{"prompt": "q", "responses": ["aei", "bcd", "xz"], "scores": [3, 2, 1]}\n'
    )
    loss = yaml.safe_load((ROOT / "params.yaml").read_text())["train"]["loss"] | {
        "kind": "plackett_luce"
    }
    changes = {
        "members": 2,
        "fine_tune_type": "full",
        "grad_checkpoint": True,
        "report_to": "dvclive",
        "loss": loss,
    }
    configure(
        project,
        train=changes | {"num_layers": 1, "learning_rate": 1e-4},
        split={"seed": 1},
        eval={"benchmarks": ["others.jsonl"]},
    )
    for name in STAGES:
        answer = stage(project, name)
        assert answer.returncode == 0, (name, answer.stderr)
    evidence = json.loads((project / "metrics" / "eval.json").read_text())
    assert evidence["members"].keys() == {"1", "2"}
    assert (
        json.loads((project / "metrics" / "benchmarks.json").read_text())["others"]["kind"]
        == "groups"
    )
    assert (project / "metrics" / "live" / "plots" / "metrics" / "train" / "loss.tsv").exists()
    row = json.loads((project / "checkpoints" / "test_rewards.jsonl").read_text().splitlines()[0])
    assert row["uncertainty_chosen"] > 0
    assert "Outside sets" in (project / "metrics" / "report.html").read_text()


def test_isotonic_calibration_changes_probabilities_and_nothing_else(
    finished: Path, tmp_path: Path
) -> None:
    project = tmp_path / "isotonic"
    shutil.copytree(finished, project)
    configure(project, calibrate={"method": "isotonic"})
    run_all(project, ["calibrate", "eval"])
    before, after = (
        json.loads((folder / "metrics" / "eval.json").read_text()) for folder in (finished, project)
    )
    assert after["calibration_knots"] > 0
    assert {name for name in before if before[name] != after[name]} >= {"nll", "brier"}
    for name in ("accuracy", "temperature", "nll_before", "reward_chosen_mean"):
        assert before[name] == after[name]


def test_two_runs_give_the_same_metrics_to_the_last_digit(finished: Path) -> None:
    def metrics() -> dict[str, bytes]:
        return {
            p.name: p.read_bytes() for p in sorted((finished / "metrics").rglob("*")) if p.is_file()
        }

    first = metrics()
    shutil.rmtree(finished / "metrics")
    for name in STAGES[1:]:  # each in a process of its own, as dvc runs them
        answer = stage(finished, name)
        assert answer.returncode == 0, (name, answer.stderr)
    assert metrics() == first


@pytest.mark.parametrize(
    ("name", "section", "values", "line"),
    [
        ("base", "base", {"source": "nowhere"}, "base.source is 'nowhere'"),
        ("data", "data", {"source": "data/raw/typo.jsonl"}, "typo.jsonl: not there"),
        ("split", "split", {"valid_size": 1.2}, "split.valid_size"),
        ("train", "train", {"epochs": -1}, "train.epochs is -1"),
        ("train", "train", {}, "no backbone there; run `dvc repro base`"),
        ("calibrate", "calibrate", {}, "run `dvc repro train`"),
        ("eval", "eval", {}, "run `dvc repro calibrate`"),
        ("gate", "gate", {}, "run `dvc repro eval`"),
    ],
)
def test_what_is_wrong_or_missing_is_one_line(
    project: Path, name: str, section: str, values: dict[str, object], line: str
) -> None:
    configure(project, **{section: values})
    answer = stage(project, name)
    assert answer.returncode == 1
    assert line in answer.stderr
    assert len([text for text in answer.stderr.splitlines() if "[transformers]" not in text]) == 1


def test_too_many_bad_rows_stop_with_a_table_of_reasons_and_leave_no_pairs(project: Path) -> None:
    with (project / "data" / "raw" / "mine.jsonl").open("a") as file:
        file.write('{"prompt": "q", "chosen": "a"}\n{"prompt": "q", "chosen": "a"}\nnot json\n')
    answer = stage(project, "data")
    assert answer.returncode == 1
    assert answer.stdout.splitlines() == [
        "       2 set aside as bad: field 'rejected' is missing",
        "       1 set aside as bad: not JSON: Expecting value",
    ]
    assert (
        "mine.jsonl, line 41: field 'rejected' is missing; 3 of 43 rows cannot be used, more than"
        in answer.stderr
    )
    assert list((project / "data" / "processed" / "rm").iterdir()) == []
    configure(project, data={"max_bad_fraction": 0.1})
    assert stage(project, "data").returncode == 0
    rejected = (
        (project / "data" / "processed" / "rm" / "rejected_rows.jsonl").read_text().splitlines()
    )
    assert [json.loads(line)["line"] for line in rejected] == [41, 42, 43]


@pytest.fixture(scope="module")
def ready_to_train(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project through which the stages before train went."""
    project = make_project(tmp_path_factory.mktemp("ready"))
    run_all(project, STAGES[:3])
    return project


@pytest.mark.parametrize("delay", [0.3, 1.5, 4.0])
def test_an_interrupt_leaves_nothing_half_written_and_the_next_run_works(
    ready_to_train: Path, tmp_path: Path, delay: float
) -> None:
    """While Python imports, while the data are read, and in the middle of training."""
    project = tmp_path / "project"
    shutil.copytree(ready_to_train, project)
    before = sorted(project.rglob("*"))
    configure(project, train={"epochs": 1000, "save_every": 100_000})  # too long to end before
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.train"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode != 0
    if delay > 1:  # before that Python itself may still be starting
        assert "interrupted; run again to go on" in stderr
        assert "Traceback" not in stderr
    assert sorted(project.rglob("*")) == before
    configure(project, train=QUICK["train"])
    assert stage(project, "train").returncode == 0


def test_a_full_disk_is_one_line_and_leaves_nothing(project: Path) -> None:
    """A file size limit stands in for the full disk: MLX itself writes a short file and says
    nothing.
    """
    limit = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    code = limit + "from mlx_reward.pipeline.run import run_stage; sys.exit(run_stage('base'))"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=environment, capture_output=True, text=True
    )
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert not (project / "checkpoints" / "sft_merged_model").exists()
    assert list((project / "checkpoints").iterdir()) == []
