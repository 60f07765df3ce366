"""What makes a model suspect although it may pass the gate."""

from collections.abc import Mapping
from typing import Any

SIGNIFICANT = 0.05
UNLIKELY = 0.01
MOSTLY = 0.5  # share of probes
BASELINES = {"longer_wins": "preferring the longer response", "bag_of_words": "words alone"}


def warnings(metrics: Mapping[str, Any], probes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return one sentence for each reason to doubt the model.

    ``metrics`` is metrics/eval.json and ``probes`` metrics/probes.json. Stages eval, report and
    gate all take their warnings from here.
    """
    found = [_baseline_warning(metrics, name) for name in BASELINES]
    found += [_probe_warning(probes), valid_warning(metrics.get("valid_accuracy"))]
    shift_p = metrics.get("shift_p")
    if shift_p is not None and shift_p < UNLIKELY:
        found.append(
            f"margins on test are unlike those on valid (p {shift_p:.1g}), "
            "so the calibration may not hold; see shift_p"
        )
    return [sentence for sentence in found if sentence is not None]


def _baseline_warning(metrics: Mapping[str, Any], name: str) -> str | None:
    """Return a sentence unless the model is better than a baseline for sure, pair by pair."""
    baseline = metrics.get(f"{name}_accuracy")
    if baseline is None:
        return None
    gain, low, high = (metrics.get(f"gain_over_{name}{end}") for end in ("", "_low", "_high"))
    if low is not None and low > 0:
        return None
    sentence = (
        f"not significantly better than {BASELINES[name]}: accuracy {metrics['accuracy']:.3f} "
        f"against {baseline:.3f}"
    )
    if gain is None or low is None or high is None:
        return sentence + ", on too few prompts to tell them apart"
    return sentence + f", a difference of {gain:+.3f} (95 % {low:+.3f} to {high:+.3f})"


def _probe_warning(probes: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return a sentence about the edits that fool the model more often than not.

    One of many edits does by chance, so that the p of each is one corrected for their number.
    """
    fooling = {
        name: row
        for name, row in probes.items()
        if row.get("fooled_p") is not None  # files of earlier versions lack it
        and row["fooled_p"] < SIGNIFICANT
        and row["fooled"] > MOSTLY
    }
    if not fooling:
        return None
    by_share = sorted(fooling, key=lambda name: -fooling[name]["fooled"])
    shares = []
    for name in by_share:
        row = fooling[name]
        share = f"{round(row['fooled'] * row['probes'])} of {row['probes']}"
        if row["fooled_low"] is not None:
            share += f", 95 % {row['fooled_low']:.2f} to {row['fooled_high']:.2f}"
        shares.append(f"{name.replace('_', ' ')} ({share})")
    return f"fooled more often than not by {', '.join(shares)}"


def valid_warning(accuracy: float | None) -> str | None:
    """Return a sentence where the calibrator had nothing to go by."""
    if accuracy == 1.0:
        return (
            "every valid pair was decided right, so that no temperature can be told from the data: "
            "probabilities rest on a prior; raise split.valid_size"
        )
    if accuracy is not None and accuracy <= 0.5:
        return (
            f"accuracy on valid is {accuracy:.3f}, no better than chance, so that probabilities "
            "are near one half; train longer, or check which column is chosen"
        )
    return None
