"""How good pair probabilities are. Everything is a function of margins (r_chosen - r_rejected) or of logits (margin / T)."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit

from mlx_reward.utils.arrays import Array


def accuracy(margins: Array) -> float:
    """Share of pairs whose chosen response has the higher reward; a tie counts one half."""
    return float(np.mean((margins > 0) + 0.5 * (margins == 0)))


def nll(logits: Array) -> float:
    """Mean of -log sigmoid(logit), in nats."""
    return float(-np.mean(log_expit(logits)))


def brier(logits: Array) -> float:
    """Mean squared distance of P(chosen wins) from 1 (Brier 1950, one-sided form, in 0 to 1)."""
    return float(np.mean(expit(-logits) ** 2))


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram: mean confidence, share correct, and the number of pairs in it."""

    confidence: float
    accuracy: float
    count: int


def reliability(logits: Array, bins: int) -> list[Bin]:
    """Equal-mass bins over the folded confidence sigmoid(|logit|), least confident first.

    In chosen-first order every label is 1, so the pair is folded: confidence is that of the favoured response, and it is
    correct where the chosen one is favoured (a tie one half). Bins differ by at most one pair; there are never more bins
    than pairs.
    """
    order = np.argsort(np.abs(logits), kind="stable")
    confidence = expit(np.abs(logits))[order]
    correct = ((logits > 0) + 0.5 * (logits == 0))[order]
    parts = zip(
        *(np.array_split(a, min(bins, len(logits))) for a in (confidence, correct)), strict=True
    )
    return [Bin(float(c.mean()), float(k.mean()), len(c)) for c, k in parts]


def ece(diagram: list[Bin]) -> float:
    """Expected calibration error: mean |accuracy - confidence| over pairs (Naeini et al. 2015; equal-mass bins)."""
    gaps = math.fsum(
        b.count * abs(b.accuracy - b.confidence) for b in diagram
    )  # sum() rounds otherwise from Python 3.12 on
    return gaps / sum(b.count for b in diagram)


def auroc(logits: Array) -> float:
    """How well confidence tells right from wrong decisions: the chance that a right one is the more confident of two.

    Area under the ROC curve of sigmoid(|logit|) for "correct" (Hanley & McNeil 1982); 0.5 where all are right or all wrong.
    """
    from scipy.stats import rankdata  # late, for it takes a second that most commands need not wait

    correct, rank = logits > 0, rankdata(np.abs(logits))
    right, wrong = int(correct.sum()), int((~correct).sum())
    if right == 0 or wrong == 0:
        return 0.5
    return float((rank[correct].sum() - right * (right + 1) / 2) / (right * wrong))


def coverage(logits: Array, steps: int = 20) -> list[tuple[float, float]]:
    """(share of pairs, accuracy on them) when only the most confident pairs are decided."""
    decided = logits[np.argsort(-np.abs(logits), kind="stable")]
    counts = sorted({max(1, round(len(logits) * k / steps)) for k in range(1, steps + 1)})
    return [(count / len(logits), accuracy(decided[:count])) for count in counts]
