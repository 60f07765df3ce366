"""How much of a reward model is length: what it scores where length tells nothing, or the wrong thing."""

import numpy as np

from mlx_reward.evaluation.metrics import accuracy
from mlx_reward.utils.arrays import Array

MATCHED = 0.1  # lengths that differ by at most this share of the longer one


def figures(margins: Array, chosen: Array, rejected: Array) -> dict[str, float | int]:
    """From (P,) margins and the lengths of both responses (P,); a figure whose pairs are none is left out."""
    from scipy.stats import (
        spearmanr,  # late, for it takes a second that most commands need not wait
    )

    gain = chosen - rejected
    found: dict[str, float | int] = {
        "longer_wins_accuracy": accuracy(gain),
        "longer_wins_p": paired_p(margins, gain),
        "length_controlled_accuracy": accuracy(without_length(margins, gain)),
    }
    if np.ptp(margins) > 0 and np.ptp(gain) > 0:
        found["margin_length_correlation"] = float(spearmanr(margins, gain).statistic)
    for name, where in (
        ("length_matched", np.abs(gain) <= MATCHED * np.maximum(chosen, rejected)),
        ("shorter_right", gain < 0),
    ):
        if where.any():
            found |= {
                f"{name}_accuracy": accuracy(margins[where]),
                f"{name}_pairs": int(where.sum()),
            }
    return found


def without_length(margins: Array, gain: Array) -> Array:
    """Margins less their least-squares part in the difference of lengths, both seen without regard to which was chosen.

    The regression has no intercept, because a pair turned round changes the sign of both.
    """
    total = float(gain @ gain)
    return margins - (float(margins @ gain) / total) * gain if total > 0 else margins


def paired_p(first: Array, second: Array) -> float:
    """Two-sided exact p of McNemar's test that both margins are right equally often (McNemar 1947; ties count as wrong)."""
    from scipy.stats import (
        binomtest,  # late, for it takes a second that most commands need not wait
    )

    only_first, only_second = (
        int(((first > 0) & (second <= 0)).sum()),
        int(((second > 0) & (first <= 0)).sum()),
    )
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second).pvalue)
