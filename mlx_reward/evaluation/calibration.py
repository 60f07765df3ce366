"""Calibrators: from a margin to the log-odds that the chosen response is better.

They are fitted on held-out pairs. Platt's scaling (Platt 1999) would add an intercept; between two
responses there is none, for a pair turned round must get the opposite log-odds. What is left is the
slope, and that is the temperature.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError
from scipy.special import logit

from mlx_reward.evaluation.temperature import fit_temperature
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError

LEAST_TEMPERATURE = 1e-100  # log-odds of lower ones may not be finite
TILT = 1e-6  # share of the temperature's log-odds that is added to isotonic ones


class _Fields(BaseModel):
    """A calibrator as it stands in calibration.json, which may come from a stranger."""

    temperature: Annotated[float, Field(gt=LEAST_TEMPERATURE, allow_inf_nan=False)]
    knots: list[
        tuple[
            Annotated[float, Field(allow_inf_nan=False)],
            Annotated[float, Field(allow_inf_nan=False)],
        ]
    ] = []


@dataclass(frozen=True)
class Calibrator:
    """A map from margins to log-odds: ``margin / temperature``, or a curve through ``knots``.

    A knot is (margin, log-odds); between knots, and from the origin to the first, the curve is
    linear. It is odd and, up to the last knot, strictly rising, so that no decision changes.
    """

    temperature: float
    knots: tuple[tuple[float, float], ...] = ()

    def __call__(self, margins: Array) -> Array:
        """Return the log-odds of ``margins``, of the same shape."""
        if not self.knots:
            return margins / self.temperature
        x, y = np.array(((0.0, 0.0), *self.knots)).T
        return np.asarray(np.sign(margins) * np.interp(np.abs(margins), x, y))

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> "Calibrator":
        """Return the calibrator that ``dataclasses.asdict`` wrote; other fields are ignored.

        InputError where it is none: no temperature above 0, or knots that do not rise from 0.
        """
        try:
            found = _Fields.model_validate(fields)
        except ValidationError as error:
            reason = " ".join(error.errors()[0]["msg"].split())
            place = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the whole"
            raise InputError(f"calibration: {place}: {reason}; run `dvc repro calibrate`") from None
        knots = tuple((margin, log_odds) for margin, log_odds in found.knots)
        if np.any(np.diff(np.array(((0.0, 0.0), *knots)), axis=0) <= 0):
            raise InputError("calibration: its knots do not rise from 0; run `dvc repro calibrate`")
        return cls(found.temperature, knots)


def temperature(margins: Array) -> Calibrator:
    """Fit log-odds in proportion to the margin (Guo et al. 2017)."""
    return Calibrator(fit_temperature(margins))


def isotonic(margins: Array) -> Calibrator:
    """Fit log-odds that rise with the margin in any way, the same both ways round.

    Isotonic regression after Zadrozny & Elkan 2002. Its steps are flat; they get a slope too small
    to show in a metric, which keeps different margins apart. A step of few pairs that all are right
    would claim certainty, and the last step nearly always is one: to each step a pair that is right
    and a pair that is wrong are added (Laplace's rule of succession).
    """
    from sklearn.isotonic import IsotonicRegression  # late: it takes seconds

    slope = fit_temperature(margins)
    both = np.concatenate([margins, -margins])
    labels = np.repeat([1.0, 0.0], len(margins))
    steps = IsotonicRegression().fit_transform(both, labels)
    shares, step_of, counts = np.unique(steps, return_inverse=True, return_counts=True)
    shrunk = (shares * counts + 1) / (counts + 2)
    # A short step shrinks more than the longer ones beside it, perhaps beyond them.
    rising = IsotonicRegression().fit_transform(
        np.arange(len(counts)), shrunk, sample_weight=counts
    )
    steps = rising[step_of]
    log_odds = {}  # of the two ends of each step, where they are positive
    for probability in np.unique(steps):
        step = both[steps == probability]
        for margin in (step.min(), step.max()):
            if margin > 0:
                log_odds[margin] = logit(probability)
    knots = [(float(m), float(log_odds[m] + TILT * m / slope)) for m in sorted(log_odds)]
    return Calibrator(slope, tuple(knots))


FITS: dict[str, Callable[[Array], Calibrator]] = {"temperature": temperature, "isotonic": isotonic}
