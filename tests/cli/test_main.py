"""The command line: names, aliases, exit codes and one-line errors, and a start without MLX."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mlx_reward as package
from mlx_reward.cli.main import app
from mlx_reward.pipeline.run import STAGES
from mlx_reward.utils.files import read_jsonl, write_jsonl
from tests import ROOT

COMMANDS = [
    "score",
    "rank",
    "label",
    "filter",
    "sample",
    "serve",
    "export",
    "import",
    "base",
    "split",
    "train",
    "calibrate",
    "evaluate",
    "init",
    "run",
    "compare",
    "doctor",
]


def mlx_reward(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mlx_reward", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("arguments", [[], ["dcotor"]])
def test_no_command_and_an_unknown_one_show_the_usage(arguments: list[str]) -> None:
    result = mlx_reward(*arguments)
    assert result.returncode == 2
    assert "Usage: mlx-reward" in result.stderr


def test_the_version_is_that_of_the_package() -> None:
    result = mlx_reward("--version")
    assert result.stdout == f"mlx-reward {package.__version__}\n"
    assert result.returncode == 0


def test_help_lists_every_command_and_loads_neither_mlx_nor_numpy() -> None:
    """`mlx-reward --help` answers at once, because commands import their rooms when they run."""
    code = (
        "import sys\n"
        "from mlx_reward.cli.main import main\n"
        "sys.argv = ['mlx-reward', '--help']\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    heavy = {'mlx', 'numpy', 'pydantic', 'transformers'} & set(sys.modules)\n"
        "    print(sorted(heavy), file=sys.stderr)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0
    assert result.stderr == "[]\n"
    listed = result.stdout.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in listed] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_plain_help(command: str) -> None:
    result = CliRunner().invoke(app, [command, "-h"])
    assert result.exit_code == 0
    assert f"{command} [OPTIONS]" in result.stdout
    assert "\b" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score"], "Missing argument 'SOURCE'"),
        (["score", "rows.jsonl", "--nope"], "No such option: --nope"),
        (
            ["score", "rows.jsonl", "--normalize", "softmax"],
            "'softmax' is not one of 'zscore', 'sigmoid'",
        ),
        (["import", "hf", "-o", "out", "--quantize", "5"], "'5' is not one of '3', '4', '6', '8'"),
        (["filter", "rows.jsonl", "-o", "out"], "--top, --bottom: give exactly one"),
        (
            ["filter", "rows.jsonl", "-o", "out", "--top", "0.5", "--bottom", "0.5"],
            "--top, --bottom: give exactly one",
        ),
        (["serve", "--port", "99999"], "'--port': "),
        (["sample", "rows.jsonl", "-n", "0"], "'--count' / '-n': "),
        (["run", "trian"], f"'trian' is not one of {', '.join(STAGES)}"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(
    arguments: list[str], message: str
) -> None:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert message in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments",
    [["run", "gate"], ["score", "rows.jsonl", "-m", "nowhere"], ["compare", "gone", "gone"]],
)
def test_a_missing_file_is_one_line_and_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = mlx_reward(*arguments)
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1


def test_caution_is_an_alias_of_uncertainty_penalty(tmp_path: Path) -> None:
    model = ROOT / "tests" / "fixtures" / "checkpoint_format_1" / "rm_model_bt"
    rows = tmp_path / "rows.jsonl"
    write_jsonl(rows, [{"prompt": "q", "response": "a"}])
    rewards = {}
    for option, penalty in (("--caution", 0), ("--caution", 2), ("--uncertainty-penalty", 2)):
        output = tmp_path / "scored.jsonl"
        arguments = ["score", str(rows), "-o", str(output), "-m", str(model), option, str(penalty)]
        assert CliRunner().invoke(app, arguments).exit_code == 0
        (scored,) = read_jsonl(output)
        rewards[option, penalty] = scored["reward"]
        uncertainty = scored["uncertainty"]
    assert rewards["--caution", 2] == rewards["--uncertainty-penalty", 2]
    expected = rewards["--caution", 0] - 2 * uncertainty
    assert rewards["--caution", 2] == pytest.approx(expected)
    assert uncertainty > 0


def test_run_ends_with_the_status_of_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = []

    def run_stage(stage: str) -> int:
        stages.append(stage)
        return 1

    monkeypatch.setattr("mlx_reward.pipeline.run.run_stage", run_stage)
    assert CliRunner().invoke(app, ["run", "gate"]).exit_code == 1
    assert stages == ["gate"]
