"""What a model that may abstain decides: its errors against its coverage.

Pairs are decided in the order of their margin's size, the surest first (El-Yaniv & Wiener 2010,
"On the Foundations of Noise-free Selective Classification"; Geifman & El-Yaniv 2017).
"""

import numpy as np

from mlx_reward.evaluation.metrics import correct
from mlx_reward.utils.arrays import Array


def risks(margins: Array) -> Array:
    """Return the share of wrong decisions (P,) among the 1, 2, ... P surest pairs.

    A tie, which is decided last, is half wrong.
    """
    order = np.argsort(-np.abs(margins), kind="stable")
    wrong = 1 - correct(margins[order])
    return np.asarray(np.cumsum(wrong) / np.arange(1, len(wrong) + 1))


def aurc(margins: Array) -> float:
    """Return the area under the curve of risk against coverage, the mean of ``risks``.

    Geifman, Uziel & El-Yaniv 2019, "Bias-Reduced Uncertainty Estimation", section 2. It is the
    error where confidence tells nothing, and less the more it tells.
    """
    return float(risks(margins).mean())


def coverage_at(margins: Array, max_error: float) -> float:
    """Return the largest share of pairs, the surest, of which at most ``max_error`` are wrong.

    It is what these pairs show, and no promise for others: evaluation/risk_control.py makes one.
    """
    kept = np.flatnonzero(risks(margins) <= max_error)
    return float((kept[-1] + 1) / len(margins)) if len(kept) else 0.0
