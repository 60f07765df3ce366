"""What makes a model suspect that may pass the gate: a sentence each."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlx_reward.utils.arrays import Array

UNLIKELY = 0.01


def warnings(evidence: Mapping[str, Any]) -> list[str]:
    """From the figures of metrics/eval.json."""
    found = []
    if evidence["accuracy"] <= evidence["longer_wins_accuracy"] or evidence["longer_wins_p"] > 0.05:
        found.append(
            "not significantly better than preferring the longer response; see longer_wins_accuracy and longer_wins_p"
        )
    if evidence["shift_p"] < UNLIKELY:
        p = evidence["shift_p"]
        found.append(
            f"margins on test are unlike those on valid (p {p:.1g}), so the calibration may not hold; see shift_p"
        )
    return found


def shift(valid: Sequence[float] | Array, test: Sequence[float] | Array) -> float:
    """p of the two-sample Kolmogorov-Smirnov test that both sets of margins have the same sizes (Massey 1951)."""
    from scipy.stats import ks_2samp  # late, for it takes a second that most commands need not wait

    return float(ks_2samp(np.abs(valid), np.abs(test)).pvalue)
