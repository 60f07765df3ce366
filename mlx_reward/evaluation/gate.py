"""The gate: the bars of params.yaml that a model has to clear, a sentence for each it misses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlx_reward.config.gate import GateSettings
from mlx_reward.evaluation.calibration_null import MIN_PAIRS, calibration_null
from mlx_reward.evaluation.paired import Comparison, Row, cluster_of, compare_rows
from mlx_reward.evaluation.power import accuracy_power, calibration_power, regression_power
from mlx_reward.utils.errors import InputError


@dataclass(frozen=True)
class Verdict:
    """Sentences about bars: ``shortfalls`` are missed, ``undecided`` cannot be judged.

    ``power`` says what the bars can tell with this test set.
    """

    shortfalls: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    power: list[str] = field(default_factory=list)

    @property
    def word(self) -> str:
        """PASS, FAIL or UNDECIDED; a bar that is missed outweighs one that cannot be judged."""
        if self.shortfalls:
            return "FAIL"
        return "UNDECIDED" if self.undecided else "PASS"

    @property
    def passed(self) -> bool:
        return self.word == "PASS"

    def __add__(self, other: "Verdict") -> "Verdict":
        return Verdict(
            self.shortfalls + other.shortfalls,
            self.undecided + other.undecided,
            self.power + other.power,
        )


def gate_verdict(
    metrics: Mapping[str, Any],
    probes: Mapping[str, Mapping[str, Any]],
    rewards: Sequence[Row],
    earlier: Sequence[Row],
    bars: GateSettings,
) -> Verdict:
    """Return the verdict. Stages gate and report both call it, so that they agree.

    ``metrics`` is metrics/eval.json, ``probes`` metrics/probes.json, ``rewards`` the rows of
    checkpoints/test_rewards.jsonl, and ``earlier`` those of the revision ``bars.against``, where
    one is set.
    """
    verdict = judge_accuracy(metrics, bars.min_accuracy)
    if bars.max_ece is not None:
        verdict += judge_calibration(metrics, rewards, bars.max_ece)
    if bars.max_fooled is not None:
        verdict += judge_probes(probes, bars.max_fooled)
    if bars.against is None or bars.max_regression is None:
        return verdict
    try:
        change = compare_rows(earlier, rewards)
    except InputError as error:
        return verdict + Verdict([f"accuracy cannot be compared with {bars.against}: {error}"])
    return verdict + judge_regression(change, bars.against, bars.max_regression)


def judge_accuracy(metrics: Mapping[str, Any], min_accuracy: float) -> Verdict:
    """Accuracy passes at its bar."""
    accuracy = metrics["accuracy"]
    missed = []
    if not accuracy >= min_accuracy:  # written so that NaN falls short
        gap = min_accuracy - accuracy
        missed = [f"accuracy {accuracy:.4f} is {gap:.4f} below the bar of {min_accuracy:g}"]
    return Verdict(missed, power=accuracy_power(metrics, min_accuracy))


def judge_calibration(
    metrics: Mapping[str, Any], rewards: Sequence[Row], max_ece: float
) -> Verdict:
    """The debiased ECE passes strictly below its bar; of few pairs there is none to judge."""
    found = metrics["ece_debiased"]
    if found is None:
        return Verdict(
            undecided=[
                f"calibration cannot be judged on {metrics['pairs']} test pairs, it takes "
                f"{MIN_PAIRS}: raise split.test_size, or set gate.max_ece to null"
            ]
        )
    missed = []
    if not found < max_ece:
        missed = [f"debiased ECE {found:.4f} is {found - max_ece:.4f} above the bar of {max_ece:g}"]
    logits = np.array([row["logit"] for row in rewards])
    null = calibration_null(logits, [cluster_of(row) for row in rewards], metrics["ece_bins"])
    return Verdict(missed, power=[calibration_power(null, max_ece)])


def judge_probes(probes: Mapping[str, Mapping[str, Any]], max_fooled: float) -> Verdict:
    """The share of all probes that fool the model passes at its bar; without probes there is none.

    Probes that do not count, for the model was wrong before the edit, are left out.
    """
    counted = [row for row in probes.values() if row["probes"]]
    total = sum(row["probes"] for row in counted)
    if total == 0:
        line = "no probe counts, so that gate.max_fooled cannot be judged: raise eval.probes"
        return Verdict(undecided=[line])
    share = sum(row["fooled"] * row["probes"] for row in counted) / total
    if share <= max_fooled:
        return Verdict()
    return Verdict(
        [f"{share:.4f} of {total:,} probes fool the model, above the bar of {max_fooled:g}"]
    )


def judge_regression(change: Comparison, against: str, max_regression: float) -> Verdict:
    """A run falls short that may have lost more than ``max_regression`` of accuracy.

    It may where the lower end of the interval of the change says so.
    """
    power = regression_power(change, max_regression)
    if change.low is None or change.high is None:
        line = f"a change of accuracy against {against} cannot be judged on so few prompts"
        return Verdict(undecided=[line])
    if change.low >= -max_regression:
        return Verdict(power=power)
    line = (
        f"accuracy went from {change.old:.4f} to {change.new:.4f}, "
        f"95 % {change.low:+.4f} to {change.high:+.4f}: "
        f"against {against} it may have lost more than {max_regression:g}"
    )
    return Verdict([line], power=power)
