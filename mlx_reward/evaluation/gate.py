"""The gate: the bars of params.yaml that a model has to clear, a sentence for each it misses."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlx_reward.config.gate import GateSettings
from mlx_reward.evaluation.paired import Comparison, Row, compare_rows
from mlx_reward.utils.errors import InputError


def gate_shortfalls(
    metrics: Mapping[str, Any], rewards: Sequence[Row], earlier: Sequence[Row], bars: GateSettings
) -> list[str]:
    """Return a sentence for each missed bar; none means PASS. Stages gate and report both call it.

    ``metrics`` is metrics/eval.json, ``rewards`` the rows of checkpoints/test_rewards.jsonl, and
    ``earlier`` those of the revision ``bars.against``, where one is set.
    """
    missed = shortfalls(
        accuracy=metrics["accuracy"],
        ece=metrics["ece"],
        min_accuracy=bars.min_accuracy,
        max_ece=bars.max_ece,
    )
    if bars.against is None or bars.max_regression is None:
        return missed
    try:
        change = compare_rows(earlier, rewards)
    except InputError as error:
        return [*missed, f"accuracy cannot be compared with {bars.against}: {error}"]
    return missed + regression(change, bars.against, bars.max_regression)


def shortfalls(accuracy: float, ece: float, min_accuracy: float, max_ece: float) -> list[str]:
    """Return which bars are missed, and by how much.

    Accuracy passes at its bar, ECE strictly below its own.
    """
    missed = []
    if not accuracy >= min_accuracy:  # written so that NaN falls short
        gap = min_accuracy - accuracy
        missed.append(f"accuracy {accuracy:.4f} is {gap:.4f} below the bar of {min_accuracy:g}")
    if not ece < max_ece:
        missed.append(f"ECE {ece:.4f} is {ece - max_ece:.4f} above the bar of {max_ece:g}")
    return missed


def regression(change: Comparison, against: str, max_regression: float) -> list[str]:
    """Return a sentence if the run may have lost more than ``max_regression`` of accuracy.

    It may where the lower end of the interval of the change says so.
    """
    if change.low is None or change.high is None:
        return [f"accuracy cannot be compared with {against}: too few prompts for an interval"]
    if change.low >= -max_regression:
        return []
    return [
        f"accuracy went from {change.old:.4f} to {change.new:.4f}, "
        f"95 % {change.low:+.4f} to {change.high:+.4f}: "
        f"against {against} it may have lost more than {max_regression:g}"
    ]
