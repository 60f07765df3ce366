"""The gate says which bar fell short and by how much."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from mlx_reward.config.gate import GateSettings
from mlx_reward.evaluation.gate import gate_shortfalls, regression, shortfalls
from mlx_reward.evaluation.paired import compare_rows
from mlx_reward.pipeline.reference import rewards_of
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import write_jsonl

DVC = Path(sys.executable).with_name("dvc")


def test_both_bars_cleared() -> None:
    assert shortfalls(0.70, 0.0999, 0.70, 0.10) == []


@pytest.mark.parametrize(
    ("accuracy", "ece", "lines"),
    [
        (0.65, 0.05, ["accuracy 0.6500 is 0.0500 below the bar of 0.7"]),
        (0.75, 0.10, ["ECE 0.1000 is 0.0000 above the bar of 0.1"]),
        (
            0.60,
            0.30,
            [
                "accuracy 0.6000 is 0.1000 below the bar of 0.7",
                "ECE 0.3000 is 0.2000 above the bar of 0.1",
            ],
        ),
    ],
)
def test_each_miss_is_named(accuracy: float, ece: float, lines: list[str]) -> None:
    assert shortfalls(accuracy, ece, 0.70, 0.10) == lines


def test_nan_never_passes() -> None:
    assert len(shortfalls(math.nan, math.nan, 0.70, 0.10)) == 2


def run(logits: list[float]) -> list[dict[str, object]]:
    return [
        {"id": str(n), "prompt": str(n), "subset": "s", "logit": logit}
        for n, logit in enumerate(logits)
    ]


def test_a_run_may_not_be_worse_than_another_by_more_than_it_is_allowed() -> None:
    good, bad = run([1.0] * 90 + [-1.0] * 10), run([1.0] * 60 + [-1.0] * 40)
    assert regression(compare_rows(good, good), "main", 0.0) == []
    assert regression(compare_rows(bad, good), "main", 0.0) == []
    (sentence,) = regression(compare_rows(good, bad), "main", 0.05)
    assert sentence.startswith("accuracy went from 0.9000 to 0.6000, 95 % -0.3")
    assert sentence.endswith("against main it may have lost more than 0.05")
    assert regression(compare_rows(good, bad), "main", 0.5) == []


def test_what_cannot_be_compared_is_a_shortfall_too() -> None:
    """Stages gate and report take their verdict from here, so that they agree."""
    metrics = {"accuracy": 0.9, "ece": 0.05}
    bars = GateSettings(min_accuracy=0.7, max_ece=0.1, against="main", max_regression=0.05)
    good, bad = run([1.0] * 90 + [-1.0] * 10), run([1.0] * 60 + [-1.0] * 40)
    assert gate_shortfalls(metrics, good, good, bars) == []
    assert "lost more than 0.05" in gate_shortfalls(metrics, bad, good, bars)[0]
    (sentence,) = gate_shortfalls(metrics, good, good[:5], bars)
    assert sentence.startswith("accuracy cannot be compared with main: not the same test pairs")
    alone = bars.model_copy(update={"against": None})
    assert gate_shortfalls(metrics, bad, [], alone) == []
    assert len(gate_shortfalls({"accuracy": 0.5, "ece": 0.5}, bad, good, bars)) == 3


def test_the_rewards_of_another_revision_come_out_of_dvc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the gate compares with is no longer in the folder: its stage has written anew."""
    monkeypatch.chdir(tmp_path)
    for command in (
        "git init -q",
        "git config user.email a@b",
        "git config user.name a",
        f"{DVC} init -q",
    ):
        subprocess.run(command.split(), check=True)
    path = tmp_path / "checkpoints" / "test_rewards.jsonl"
    path.parent.mkdir()
    write_jsonl(path, run([1.0, 2.0]))
    for command in (
        f"{DVC} add -q checkpoints/test_rewards.jsonl",
        "git add -A",
        "git commit -qm one",
    ):
        subprocess.run(command.split(), check=True)
    write_jsonl(path, run([3.0]))
    assert [row["logit"] for row in rewards_of("HEAD", path.relative_to(tmp_path))] == [1.0, 2.0]
    with pytest.raises(
        InputError, match="gate.against: the test rewards of elsewhere cannot be read"
    ):
        rewards_of("elsewhere", path.relative_to(tmp_path))
