"""How good pair probabilities are.

Everything is a function of margins (r_chosen - r_rejected) or of logits (margin / temperature),
both of shape (P,).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit

from mlx_reward.utils.arrays import Array


def correct(margins: Array) -> Array:
    """Return 1 (P,) where the chosen response has the higher reward, 0 where not, 0.5 for a tie."""
    return np.asarray((margins > 0) + 0.5 * (margins == 0), dtype=np.float64)


def accuracy(margins: Array) -> float:
    """Return the share of pairs whose chosen response has the higher reward; a tie is one half."""
    return float(correct(margins).mean())


def log_losses(logits: Array) -> Array:
    """Return -log sigmoid(logit) of each pair (P,), in nats."""
    return np.asarray(-log_expit(logits), dtype=np.float64)


def nll(logits: Array) -> float:
    """Return the mean of -log sigmoid(logit), in nats."""
    return float(log_losses(logits).mean())


def squared_errors(logits: Array) -> Array:
    """Return the squared distance of P(chosen wins) from 1 of each pair (P,), in 0 to 1."""
    return np.asarray(expit(-logits) ** 2, dtype=np.float64)


def cross_entropy(logits: Array, labels: Array) -> float:
    """Return the mean of -(q log sigmoid(logit) + (1 - q) log sigmoid(-logit)), in nats.

    ``labels`` q (P,) are the chances that chosen is preferred; where all are 1, this is ``nll``.
    """
    return float(-np.mean(labels * log_expit(logits) + (1 - labels) * log_expit(-logits)))


def brier(logits: Array) -> float:
    """Return the mean squared distance of P(chosen wins) from 1, in 0 to 1 (Brier 1950)."""
    return float(squared_errors(logits).mean())


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram: mean confidence, share correct, number of pairs."""

    confidence: float
    accuracy: float
    count: int


def reliability(logits: Array, bins: int) -> list[Bin]:
    """Return bins of equal mass over the confidence sigmoid(|logit|), least confident first.

    In chosen-first order every label is 1, so the pair is folded: confidence is that of the
    favoured response, and it is correct where the chosen one is favoured (a tie one half). Bins
    differ by at most one pair; there are never more bins than pairs.
    """
    order = np.argsort(np.abs(logits), kind="stable")
    confidence = expit(np.abs(logits))[order]
    right = correct(logits)[order]
    bins = min(bins, len(logits))
    confidence_parts = np.array_split(confidence, bins)
    right_parts = np.array_split(right, bins)
    return [
        Bin(confidence=float(c.mean()), accuracy=float(k.mean()), count=len(c))
        for c, k in zip(confidence_parts, right_parts, strict=True)
    ]


def ece(diagram: list[Bin]) -> float:
    """Return the expected calibration error, the mean |accuracy - confidence| over pairs.

    Naeini et al. 2015, here with bins of equal mass.
    """
    # fsum, because sum() rounds otherwise from Python 3.12 on
    gaps = math.fsum(b.count * abs(b.accuracy - b.confidence) for b in diagram)
    return gaps / sum(b.count for b in diagram)


def auroc(logits: Array) -> float:
    """Return the chance that of a right and a wrong decision the right one is more confident.

    This is the area under the ROC curve of sigmoid(|logit|) for "correct" (Hanley & McNeil 1982);
    0.5 where all decisions are right or all wrong.
    """
    from scipy.stats import rankdata  # late: it takes a second, and most commands need it not

    decided_right = logits > 0
    rank = rankdata(np.abs(logits))
    right = int(decided_right.sum())
    wrong = len(logits) - right
    if right == 0 or wrong == 0:
        return 0.5
    return float((rank[decided_right].sum() - right * (right + 1) / 2) / (right * wrong))


def coverage(logits: Array, steps: int = 20) -> list[tuple[float, float]]:
    """Return (share decided, accuracy on it) where the most confident pairs are decided first."""
    decided = logits[np.argsort(-np.abs(logits), kind="stable")]
    counts = sorted({max(1, round(len(logits) * k / steps)) for k in range(1, steps + 1)})
    return [(count / len(logits), accuracy(decided[:count])) for count in counts]
