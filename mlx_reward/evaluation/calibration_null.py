"""What a perfectly calibrated model would show on the same pairs: the null of ECE.

The ECE of a perfectly calibrated model is not 0: in each bin the share correct strays from the mean
confidence by chance, and the absolute value makes error of it either way (Roelofs et al. 2022,
"Mitigating Bias in Calibration Error Estimation"). With 15 bins of equal mass its mean is about .16
at 60 pairs, .10 at 150 and .06 at 480. So it is simulated: confidences stay as they are, and
decisions are drawn that are right as often as the confidences say.

Pairs of one prompt are right or wrong together, more or less. A draw therefore decides some pairs
of a prompt by one random number common to all of them, and the others each by its own. How many
share it is estimated from the decisions, so that pairs which are independent are drawn as such.
``benchmarks/calibration_null.py`` measures how wrong independent draws would be.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from mlx_reward.evaluation.metrics import ece, reliability
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.grouping import group_indices

MIN_PAIRS = 100  # fewer tell nothing of calibration: chance alone makes an ECE of .12 of them
DRAWS = 1000
BLOCK = 4_000_000  # random numbers drawn at a time, 32 MB
ROUNDING = 1e-12  # an ECE is a sum of many numbers, in one order or another


def ece_or_none(logits: Array, bins: int) -> float | None:
    """Return the ECE of ``logits`` (P,); None under MIN_PAIRS, where it would be noise."""
    return ece(reliability(logits, bins)) if len(logits) >= MIN_PAIRS else None


@dataclass(frozen=True)
class Folded:
    """P pairs, least confident first, in B bins of equal mass: those of ``metrics.reliability``.

    ``confidence`` is that of the favoured response, and ``correct`` whether it is the chosen one (a
    tie one half), both (P,). ``rank`` (P,) says where each pair stands in them. ``counts`` (B,) are
    the pairs of each bin.
    """

    confidence: Array
    correct: Array
    rank: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def weights(self) -> Array:
        """The share of the pairs that is in each bin, (B,)."""
        return np.asarray(self.counts / self.counts.sum())

    def means(self, values: Array) -> Array:
        """Return the mean in each bin (..., B) of ``values`` (..., P)."""
        starts = np.cumsum(self.counts) - self.counts
        return np.asarray(np.add.reduceat(values, starts, axis=-1) / self.counts)

    @property
    def ece(self) -> float:
        return float(np.abs(self.means(self.correct - self.confidence)) @ self.weights)


def fold(logits: Array, bins: int) -> Folded:
    """Fold ``logits`` (P,) of pairs in chosen-first order, and put them in ``bins``."""
    order = np.argsort(np.abs(logits), kind="stable")
    rank = np.empty(len(logits), dtype=np.int64)
    rank[order] = np.arange(len(logits))
    return Folded(
        confidence=expit(np.abs(logits))[order],
        correct=((logits > 0) + 0.5 * (logits == 0))[order],
        rank=rank,
        counts=np.array([b.count for b in reliability(logits, bins)]),
    )


@dataclass(frozen=True)
class CalibrationNull:
    """``gaps`` (DRAWS, B) between share correct and mean confidence, under perfect calibration.

    ``folded`` are the pairs as they were decided. ``share`` is the share of the pairs of a prompt
    that a draw decides by the random number of that prompt.
    """

    folded: Folded
    gaps: Array
    share: float

    @cached_property
    def eces(self) -> Array:
        """The ECE of each draw, (DRAWS,)."""
        return np.asarray(np.abs(self.gaps) @ self.folded.weights)

    @property
    def mean(self) -> float:
        """The mean ECE of a perfectly calibrated model."""
        return float(self.eces.mean())

    @property
    def upper(self) -> float:
        """The ECE that a perfectly calibrated model exceeds in 5 % of cases."""
        return float(np.quantile(self.eces, 0.95))

    @property
    def p(self) -> float:
        """The chance that a perfectly calibrated model shows as large an ECE.

        The observed one counts as a draw (Davison & Hinkley 1997, section 4.2): p is never 0.
        """
        as_large = int((self.eces >= self.folded.ece - ROUNDING).sum())
        return (1 + as_large) / (1 + len(self.eces))

    @property
    def band(self) -> tuple[Array, Array]:
        """The 2.5 and the 97.5 percentile of the share correct of each bin, (B,) and (B,)."""
        shares = self.folded.means(self.folded.confidence) + self.gaps
        low, high = np.clip(np.quantile(shares, [0.025, 0.975], axis=0), 0, 1)
        return low, high

    @property
    def debiased(self) -> float:
        """The true ECE of a model of which the observed ECE is the mean; 0 where that is chance.

        The observed ECE less the null's mean would be too little: chance adds less to a gap that is
        large already. Of a model with a true ECE of 0.10 that leaves 0.05 to 0.07 at 480 pairs.
        """
        from scipy.optimize import brentq  # late: it takes a second

        if self.folded.ece <= self.mean + ROUNDING:
            return 0.0
        return float(brentq(lambda off_by: self.expected(off_by) - self.folded.ece, 0, 1))

    def expected(self, off_by: float) -> float:
        """Return the mean ECE of a model that is ``off_by`` in every bin, one way or the other.

        |gap + off_by| and |gap - off_by| have the mean max(|gap|, off_by). Of all models with a
        true ECE of ``off_by``, one that is off by the same in every bin has about the smallest mean
        ECE, for |.| is convex: what ``debiased`` finds errs to the strict side.
        """
        return float(np.maximum(np.abs(self.gaps), off_by).mean(axis=0) @ self.folded.weights)

    def chance_of_reaching(self, bar: float, off_by: float = 0.0) -> float:
        """Return the chance that the debiased ECE reaches ``bar``, above 0.

        It is that of a model which is too sure by ``off_by`` in every bin.
        """
        shown = np.abs(self.gaps - off_by) @ self.folded.weights
        return float(np.mean(shown >= self.expected(bar) - ROUNDING))


def calibration_null(
    logits: Array, prompts: Sequence[Hashable], bins: int, draws: int = DRAWS, seed: int = 0
) -> CalibrationNull:
    """Simulate perfect calibration of pairs with ``logits`` (P,) of ``prompts`` (P,).

    A tie of the model is one half right in every draw, as it is in the metrics.
    """
    folded = fold(logits, bins)
    clusters = [folded.rank[pairs] for pairs in group_indices(prompts).values()]
    share = shared_decisions(folded, clusters)
    rng = np.random.default_rng(seed)
    at_once = max(1, BLOCK // len(logits))
    sizes = [min(at_once, draws - begin) for begin in range(0, draws, at_once)]
    gaps = [_gaps(folded, clusters, share, rng, size) for size in sizes]
    return CalibrationNull(folded, np.concatenate(gaps), share)


def _gaps(
    folded: Folded,
    clusters: Sequence[NDArray[np.int64]],
    share: float,
    rng: np.random.Generator,
    draws: int,
) -> Array:
    """Return the gaps (``draws``, B) of so many draws; see ``CalibrationNull``."""
    shape = (draws, len(folded.confidence))
    uniform = rng.random(shape)
    if share > 0:
        cluster_of = np.empty(shape[1], dtype=np.int64)
        for number, members in enumerate(clusters):
            cluster_of[members] = number
        common = rng.random((draws, len(clusters)))[:, cluster_of]
        uniform = np.where(rng.random(shape) < share, common, uniform)
    correct = np.where(folded.confidence == 0.5, 0.5, uniform < folded.confidence)
    return folded.means(correct - folded.confidence)


def shared_decisions(folded: Folded, clusters: Sequence[NDArray[np.int64]]) -> float:
    """Return the share of the pairs of a prompt that one random number decides, as it appears.

    ``clusters`` are the pairs of each prompt. Take two pairs of a prompt with confidences c and d.
    Where that number decides both, the product of their residuals, correct - confidence, has the
    mean min(c, d) - c d; else it has the mean 0. So the sum of all products within prompts, over
    the sum of those means, estimates the square of the share. That is what perfect calibration
    says of residuals; those of another model have a mean of their own, which passes for dependence
    and costs little: see the second table of the benchmark. To take residuals around the mean of
    their bin would hide the dependence itself where a bin holds few prompts.
    """
    residual = folded.correct - folded.confidence
    products, largest = 0.0, 0.0
    for members in clusters:
        own, confidence = residual[members], np.sort(folded.confidence[members])
        smaller = confidence @ np.arange(len(members) - 1, -1, -1)  # the sum of all min(c, d)
        products += float(own.sum() ** 2 - own @ own) / 2
        largest += float(smaller - (confidence.sum() ** 2 - confidence @ confidence) / 2)
    if largest <= 0:
        return 0.0
    return float(np.sqrt(np.clip(products / largest, 0, 1)))
