"""The gate says which bar fell short and by how much."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from mlx_reward.config.gate import GateSettings
from mlx_reward.evaluation.gate import gate_verdict, judge_probes, judge_regression
from mlx_reward.evaluation.paired import compare_rows
from mlx_reward.pipeline.reference import rewards_of
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import write_jsonl

DVC = Path(sys.executable).with_name("dvc")


BARS = GateSettings(
    min_accuracy=0.7, max_ece=0.1, max_fooled=None, against=None, max_regression=None
)


def metrics(accuracy: float, ece_debiased: float | None) -> dict[str, object]:
    return {
        "accuracy": accuracy,
        "accuracy_low": accuracy - 0.04,
        "accuracy_high": accuracy + 0.04,
        "ece_debiased": ece_debiased,
        "ece_bins": 15,
        "pairs": 100,
    }


def test_both_bars_cleared() -> None:
    verdict = gate_verdict(metrics(0.70, 0.0999), {}, SOME, [], BARS)
    assert (verdict.word, verdict.shortfalls, verdict.undecided) == ("PASS", [], [])


@pytest.mark.parametrize(
    ("accuracy", "ece", "lines"),
    [
        (0.65, 0.05, ["accuracy 0.6500 is 0.0500 below the bar of 0.7"]),
        (0.75, 0.10, ["debiased ECE 0.1000 is 0.0000 above the bar of 0.1"]),
        (
            0.60,
            0.30,
            [
                "accuracy 0.6000 is 0.1000 below the bar of 0.7",
                "debiased ECE 0.3000 is 0.2000 above the bar of 0.1",
            ],
        ),
    ],
)
def test_each_miss_is_named(accuracy: float, ece: float, lines: list[str]) -> None:
    verdict = gate_verdict(metrics(accuracy, ece), {}, SOME, [], BARS)
    assert (verdict.word, verdict.shortfalls) == ("FAIL", lines)


def test_the_share_of_probes_that_fool_is_taken_over_all_that_count() -> None:
    """2 of 8 and 3 of 4 are 5 of 12: 0.4167. A family of which none counts is left out."""
    probes = {
        "padding": {"fooled": 0.25, "probes": 8},
        "flattery": {"fooled": 0.75, "probes": 4},
        "markdown": {"fooled": None, "probes": 0},
    }
    line = "0.4167 of 12 probes fool the model, above the bar of 0.4"
    assert judge_probes(probes, 0.4).shortfalls == [line]
    assert judge_probes(probes, 0.42).word == "PASS"
    assert judge_probes({}, 0.42).word == "UNDECIDED"
    bars = BARS.model_copy(update={"max_fooled": 0.4})
    assert gate_verdict(metrics(0.8, 0.01), probes, SOME, [], bars).shortfalls == [line]


def test_nan_never_passes() -> None:
    assert len(gate_verdict(metrics(math.nan, math.nan), {}, SOME, [], BARS).shortfalls) == 2


def test_too_few_pairs_for_an_ece_leave_it_undecided_unless_there_is_no_bar() -> None:
    few = metrics(0.8, None) | {"pairs": 60}
    verdict = gate_verdict(few, {}, SOME, [], BARS)
    assert (verdict.word, verdict.passed) == ("UNDECIDED", False)
    assert verdict.undecided[0].startswith("calibration cannot be judged on 60 test pairs")
    assert gate_verdict(few | {"accuracy": 0.5}, {}, SOME, [], BARS).word == "FAIL"
    no_bar = BARS.model_copy(update={"max_ece": None})
    assert gate_verdict(few, {}, SOME, [], no_bar).word == "PASS"


def run(logits: list[float]) -> list[dict[str, object]]:
    return [
        {"id": str(n), "prompt": str(n), "subset": "s", "logit": logit}
        for n, logit in enumerate(logits)
    ]


SOME = run([1.0] * 80 + [-1.0] * 20)


def test_a_run_may_not_be_worse_than_another_by_more_than_it_is_allowed() -> None:
    good, bad = run([1.0] * 90 + [-1.0] * 10), run([1.0] * 60 + [-1.0] * 40)
    assert judge_regression(compare_rows(good, good), "main", 0.0).passed
    assert judge_regression(compare_rows(bad, good), "main", 0.0).passed
    (sentence,) = judge_regression(compare_rows(good, bad), "main", 0.05).shortfalls
    assert sentence.startswith("accuracy went from 0.9000 to 0.6000, 95 % -0.")
    assert sentence.endswith("against main it may have lost more than 0.05")
    assert judge_regression(compare_rows(good, bad), "main", 0.5).passed


def test_it_is_the_lower_end_that_counts_not_the_change_itself() -> None:
    """Five pairs of a hundred lost: 0.05 itself is allowed, but it may be more."""
    worse = compare_rows(run([1.0] * 100), run([1.0] * 95 + [-1.0] * 5))
    assert worse.change == pytest.approx(-0.05)
    assert not judge_regression(worse, "main", 0.06).passed


def test_what_cannot_be_compared_is_a_shortfall_too() -> None:
    """Stages gate and report take their verdict from here, so that they agree."""
    fine = metrics(0.9, 0.05)
    bars = BARS.model_copy(update={"against": "main", "max_regression": 0.05})
    good, bad = run([1.0] * 90 + [-1.0] * 10), run([1.0] * 60 + [-1.0] * 40)
    assert gate_verdict(fine, {}, good, good, bars).passed
    assert "lost more than 0.05" in gate_verdict(fine, {}, bad, good, bars).shortfalls[0]
    (sentence,) = gate_verdict(fine, {}, good, good[:5], bars).shortfalls
    assert sentence.startswith("accuracy cannot be compared with main: not the same test pairs")
    assert gate_verdict(fine, {}, bad, [], BARS).passed
    assert len(gate_verdict(metrics(0.5, 0.5), {}, bad, good, bars).shortfalls) == 3


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
