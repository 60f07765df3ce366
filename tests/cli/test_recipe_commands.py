"""The recipe's own commands on a tiny backbone, in a folder that is no project."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mlx_reward.cli.main import app
from tests import tiny

VOWELS = ["aeiou", "aeiouaeiou", "aeiouaeiouaeiou"]


def rows(count: int) -> list[dict[str, Any]]:
    """Pairs whose better responses hold more vowels, one in four the wrong way round."""
    pairs = [(f"q{n} of {n * 7919}", VOWELS[n % 3], "xzvbn" * (1 + n % 2)) for n in range(count)]
    return [
        {
            "prompt": prompt,
            "chosen": bad if n % 4 == 3 else good,
            "rejected": good if n % 4 == 3 else bad,
        }
        for n, (prompt, good, bad) in enumerate(pairs)
    ]


def write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def mlx_reward(line: str) -> Result:
    return CliRunner().invoke(app, line.split(), env={"COLUMNS": "200"})


def run(line: str) -> str:
    result = mlx_reward(line)
    assert result.exit_code == 0, (line, result.output, result.exception)
    return result.output


def refused(line: str) -> str:
    """Return the line with which a command refuses; nothing else may be raised."""
    result = mlx_reward(line)
    assert result.exit_code != 0
    assert result.exception is None or type(result.exception).__name__ in (
        "InputError",
        "SystemExit",
    )
    return str(result.exception) + result.stderr


TRAIN = "train --model sft --train-data data/rm_train.jsonl --valid-data data/rm_valid.jsonl"
TINY = "--num-layers 2 --max-seq-length 200 --epochs 1"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the reference recipe's commands ran, one after the other."""
    folder = tmp_path_factory.mktemp("recipe")
    tiny.write_backbone(folder / "sft", bits=4)
    write(folder / "pairs.jsonl", rows(64))
    (folder / "own.yaml").write_text("train: {batch_size: 4, learning_rate: 0.02, warmup: 0.2}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run("split --input pairs.jsonl --output-dir data --valid-size 16 --test-size 0.25")
        run(
            f"{TRAIN} {TINY} --batch-size 8 --lora-rank 4 --config own.yaml "
            "--set train.learning_rate=0.03 --set train.loss.kind=plackett_luce "
            "--learning-rate 1e-2 --output checkpoints/rm_model_bt"
        )
        run("calibrate --model checkpoints/rm_model_bt --valid-data data/rm_valid.jsonl")
        out = run(
            "evaluate --model checkpoints/rm_model_bt --test-data data/rm_test.jsonl "
            "--set eval.probes=0 --metrics accuracy ece"
        )
    (folder / "printed.txt").write_text(out)
    return folder


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_split_deals_the_pairs_as_it_was_told(trained: Path) -> None:
    counts = {
        name: len((trained / "data" / f"rm_{name}.jsonl").read_text().splitlines())
        for name in ("train", "valid", "test")
    }
    assert counts == {"train": 32, "valid": 16, "test": 16}
    assert read(trained / "data" / "split.json")["valid_pairs"] == 16


def test_a_flag_wins_over_set_over_config_over_the_defaults(trained: Path) -> None:
    params = read(trained / "checkpoints" / "rm_model_bt" / "reward_config.json")["params"]
    assert params["learning_rate"] == 1e-2  # flag, --set and --config
    assert params["batch_size"] == 8  # flag and --config
    assert params["loss"]["kind"] == "plackett_luce"  # --set
    assert params["warmup"] == 0.2  # --config
    assert params["lora"] == {"rank": 4, "scale": 2.0, "dropout": 0.0, "keys": None}
    assert params["weight_decay"] == 0.01  # a default


def test_evaluate_prints_what_was_asked_for_and_writes_all_beside_the_model(trained: Path) -> None:
    found = read(trained / "checkpoints" / "metrics" / "eval.json")
    lines = (trained / "printed.txt").read_text().splitlines()
    assert f"accuracy  {found['accuracy']:.4f}" in lines[-3]
    assert lines[-2] == "ece       not to be had from these pairs"
    assert found["temperature"] == read(trained / "checkpoints" / "calibration.json")["temperature"]
    assert found["pairs"] == 16
    assert "bag_of_words_accuracy" not in found
    assert (trained / "checkpoints" / "test_rewards.jsonl").exists()


def test_eval_is_evaluate_and_any_format_and_baseline_will_do(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained)
    before = read(trained / "checkpoints" / "metrics" / "eval.json")
    raw = [
        json.loads(line) for line in (trained / "data" / "rm_test.jsonl").read_text().splitlines()
    ]
    columns = {"prompt": "instruction", "chosen": "chosen", "rejected": "rejected"}
    write(trained / "raw.jsonl", [{new: row[old] for old, new in columns.items()} for row in raw])
    out = run("eval --test-data raw.jsonl --train-data data/rm_train.jsonl --set eval.probes=0")
    found = read(trained / "checkpoints" / "metrics" / "eval.json")
    assert found["accuracy"] == before["accuracy"]
    assert "bag_of_words_accuracy" in found
    assert "nll " in out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            f"{TRAIN} --output checkpoints/rm_model_bt",
            "a checkpoint already; name another, or give",
        ),
        (f"{TRAIN} --output data", "no part of a checkpoint; name another folder"),
        (f"{TRAIN} --output data --overwrite", "no part of a checkpoint; name another folder"),
        (f"{TRAIN} --set train.lr=1", "--set: train.lr is unknown"),
        (f"{TRAIN} --set eval.probes=1", "this command reads the settings of data and train"),
        (f"{TRAIN} --set train.seed", "not KEY=VALUE"),
        (f"{TRAIN} --batch-size 0", "command line: train.batch_size is 0"),
        (f"{TRAIN} --config pairs.jsonl", "not YAML"),
        (f"{TRAIN} --config typo.yaml", "typo.yaml: section 'trian' is unknown; the nearest is"),
        ("split --input nowhere.csv --output-dir data", "nowhere.csv: not there"),
        ("split --input data/rm_train.jsonl --output-dir data", "would be written over"),
        ("evaluate --test-data pairs.jsonl --metrics accuracy eec", "the nearest is ece"),
        ("evaluate --test-data pairs.jsonl accuracy", "metrics stand after --metrics"),
        ("calibrate --valid-data pairs.jsonl --model data", "reward_config.json: not there"),
    ],
)
def test_a_wrong_command_is_refused_in_a_line_before_the_work(
    trained: Path, monkeypatch: pytest.MonkeyPatch, line: str, message: str
) -> None:
    monkeypatch.chdir(trained)
    (trained / "typo.yaml").write_text("trian: {seed: 1}\n")
    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    assert message in refused(line)
    assert before == {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}


def test_an_output_of_dvc_needs_overwrite(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    outputs = "[checkpoints/calibration.json, metrics/x.json: {cache: false}]"
    (trained / "dvc.yaml").write_text(f"stages: {{calibrate: {{cmd: x, outs: {outputs}}}}}\n")
    line = "calibrate --valid-data data/rm_valid.jsonl"
    assert "an output of DVC; `dvc repro calibrate` makes it" in refused(line)
    run(f"{line} --overwrite")
    (trained / "checkpoints" / "calibration.json").unlink()
    assert "`dvc repro` would replace it" in run(line)
    (trained / "dvc.yaml").unlink()


def test_base_makes_the_folder_that_train_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backbone: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    run(f"base {backbone} --output sft")
    assert (tmp_path / "sft" / "config.json").exists()
    assert "there already, and not empty" in refused(f"base {backbone} --output sft")
