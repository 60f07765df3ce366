"""Which pairs can be decided so that at most a given share of the decisions is wrong.

A pair is decided where its margin is at least a threshold in size. "Learn then Test" (Angelopoulos
et al. 2021): every threshold is a hypothesis, "its decisions are wrong more often than allowed",
and one that held-out prompts refute keeps the promise. Split fixed-sequence testing (their section
4.3) chooses on one part of these prompts the order in which thresholds are tested on the other, and
testing ends with the first that is not refuted: so the chance that any refutation is wrong is at
most one minus the confidence, however many thresholds there are.

Pairs of one prompt are right or wrong together, so that prompts are what is drawn, and each tests
with one of its pairs, by lot. Of n of these that are decided, the number of wrong ones is binomial:
the p of a threshold is the chance of so few at the largest error allowed (Geifman & El-Yaniv 2017,
"Selective Classification for Deep Neural Networks", lemma 3.1). Bets on the mean of all pairs of a
prompt (Waudby-Smith & Ramdas 2024) were tried and decided fewer pairs in most settings; Student's t
on these means decides more, but guarantees nothing where few errors are seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError

CONFIDENCE = 0.9
CANDIDATES = 50  # thresholds, at as many quantiles of the margins
PSEUDO_ERRORS = 0.5  # wrong decisions that the order reckons with beside those seen
Margins = Sequence[Sequence[float]]  # r_chosen - r_rejected of the pairs of each prompt


@dataclass(frozen=True)
class Threshold:
    """The smallest margin that is decided, and the share of held-out pairs that are so decided."""

    margin: float
    coverage: float


def find_threshold(
    choosing: Margins, testing: Margins, max_error: float, confidence: float = CONFIDENCE
) -> Threshold | None:
    """Return the lowest threshold that keeps the promise; None where none is shown to.

    The promise: of a pair drawn from a prompt like those of ``testing`` and decided, the chance of
    being wrong is at most ``max_error``. It is broken in at most 1 - ``confidence`` of all draws of
    ``testing``, whatever ``choosing`` is.
    """
    check_max_error(max_error)
    if not choosing or not testing:
        return None
    thresholds = np.unique(
        np.quantile(np.abs(_pairs(choosing)), np.arange(CANDIDATES) / CANDIDATES)
    )
    decided, wrong = _counts(choosing, thresholds)
    first = int(np.argmin(p_value(decided, wrong + PSEUDO_ERRORS, max_error)))
    decided, wrong = _counts(_one_of_each(testing), thresholds)
    refuted = p_value(decided, wrong, max_error) <= 1 - confidence
    lowest = None
    for place in range(first, -1, -1):
        if not refuted[place]:
            break
        lowest = place
    if lowest is None:
        return None
    margin = float(thresholds[lowest])
    return Threshold(margin, coverage=float(is_decided(_pairs(testing), margin).mean()))


def best_promise(
    choosing: Margins, testing: Margins, confidence: float = CONFIDENCE
) -> float | None:
    """Return the lowest share of wrong decisions, in hundredths, that can be promised."""
    for percent in range(1, 50):
        if find_threshold(choosing, testing, percent / 100, confidence) is not None:
            return percent / 100
    return None


def is_decided(margins: Array, threshold: float | Array) -> Array:
    """Tell which ``margins`` are decided: those of at least ``threshold`` in size; never a tie."""
    return np.asarray((np.abs(margins) >= threshold) & (margins != 0))


def check_max_error(max_error: float) -> None:
    """Raise InputError unless ``max_error`` is a share that a decision by lot would not keep."""
    if not 0 < max_error < 0.5:  # which NaN is not, either
        raise InputError(f"max_error is {max_error}: not a share above 0 and below 0.5")


def p_value(decided: Array, wrong: Array, max_error: float) -> Array:
    """Return the chance of at most ``wrong`` of ``decided`` errors where each has ``max_error``.

    It is the binomial distribution function, which this form continues to counts that are not
    whole; 1 where nothing is decided.
    """
    from scipy.special import betainc  # late: scoring alone needs no SciPy

    right = decided - wrong
    chance = betainc(np.maximum(right, 1e-9), wrong + 1, 1 - max_error)
    return np.asarray(np.where(right > 0, chance, 1.0))


def _counts(margins: Margins, thresholds: Array) -> tuple[Array, Array]:
    """Return how many prompts each threshold (T,) decides, and how many of them wrongly.

    A prompt of several pairs counts as the shares of its pairs that are decided, and wrong.
    """
    pairs = _pairs(margins)
    weights = np.concatenate([np.full(len(prompt), 1 / len(prompt)) for prompt in margins])
    taken = is_decided(pairs[:, None], thresholds)  # P T
    return weights @ taken, (weights * (pairs < 0)) @ taken


def _pairs(margins: Margins) -> Array:
    """Return the margins (P,) of the pairs of all prompts."""
    return np.concatenate([np.asarray(prompt, dtype=np.float64) for prompt in margins])


def _one_of_each(margins: Margins) -> Margins:
    """Return one pair of each prompt, by lot; the same each time."""
    rng = np.random.default_rng(0)
    return [[prompt[int(rng.integers(len(prompt)))]] for prompt in margins]


@dataclass(frozen=True)
class Promises:
    """The margins of held-out prompts in two parts, from which any promise is tested.

    They stand in calibration.json under ``promises``. ``choosing`` may be the prompts that chose
    the checkpoint; those of ``testing`` had no say in it.
    """

    choosing: Margins = ()
    testing: Margins = ()

    def threshold(self, max_error: float) -> Threshold:
        """Return the threshold for ``max_error``; InputError with the best promise if there is
        none.
        """
        found = find_threshold(self.choosing, self.testing, max_error)
        if found is not None:
            return found
        best = best_promise(self.choosing, self.testing)
        prompts = f"{len(self.testing)} held-out prompts"
        reached = "no share can be" if best is None else f"the best is {best:.2f}"
        raise InputError(
            f"max_error {max_error}: {prompts} cannot show with {CONFIDENCE:.0%} confidence that "
            f"so few decisions are wrong at any margin ({reached}); raise split.valid_size and run "
            "`dvc repro`"
        )

    @classmethod
    def read(cls, fields: Any) -> "Promises":
        """Return what ``dataclasses.asdict`` wrote; InputError where it is something else."""
        try:
            found = _Fields.model_validate(fields)
        except ValidationError as error:
            reason = " ".join(error.errors()[0]["msg"].split())
            raise InputError(
                f"calibration: promises: {reason}; run `dvc repro calibrate`"
            ) from None
        return cls(found.choosing, found.testing)


_Margin = Annotated[float, Field(allow_inf_nan=False)]
_Prompt = Annotated[list[_Margin], Field(min_length=1)]


class _Fields(BaseModel):
    choosing: list[_Prompt] = []
    testing: list[_Prompt] = []
