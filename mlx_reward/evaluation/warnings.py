"""What makes a model suspect although it may pass the gate."""

from collections.abc import Mapping
from typing import Any

SIGNIFICANT = 0.05
UNLIKELY = 0.01


def warnings(metrics: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each reason to doubt the model, from metrics/eval.json."""
    found = []
    beats_length = metrics["accuracy"] > metrics["longer_wins_accuracy"]
    if not beats_length or metrics["longer_wins_p"] > SIGNIFICANT:
        found.append(
            "not significantly better than preferring the longer response; "
            "see longer_wins_accuracy and longer_wins_p"
        )
    if metrics["shift_p"] < UNLIKELY:
        found.append(
            f"margins on test are unlike those on valid (p {metrics['shift_p']:.1g}), "
            "so the calibration may not hold; see shift_p"
        )
    return found
