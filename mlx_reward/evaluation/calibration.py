"""From a margin to the log-odds that the chosen response is better, fitted on held-out pairs.

Platt's scaling (Platt 1999) would add an intercept. Between two responses there is none: turned round, a pair must get the
opposite log-odds, which leaves the slope, and that is the temperature.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logit

from mlx_reward.evaluation.temperature import fit_temperature
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError

TILT = 1e-6  # share of the temperature's log-odds that is added to isotonic ones


@dataclass(frozen=True)
class Calibrator:
    """``margin / temperature``; where there are ``knots`` (margin, log-odds), read off between them and the origin instead.

    Odd and, up to the last knot, strictly rising, so that no decision changes.
    """

    temperature: float
    knots: tuple[tuple[float, float], ...] = ()

    def __call__(self, margins: Array) -> Array:
        """Log-odds of ``margins``, of the same shape."""
        if not self.knots:
            return margins / self.temperature
        x, y = np.array(((0.0, 0.0), *self.knots)).T
        return np.asarray(np.sign(margins) * np.interp(np.abs(margins), x, y))

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> "Calibrator":
        """From the JSON of ``dataclasses.asdict``; other fields are left alone."""
        return cls(
            float(fields["temperature"]),
            tuple((float(m), float(o)) for m, o in fields.get("knots", ())),
        )


def temperature(margins: Array) -> Calibrator:
    """Log-odds in proportion to the margin (Guo et al. 2017)."""
    return Calibrator(fit_temperature(margins))


def isotonic(margins: Array) -> Calibrator:
    """Log-odds that rise with the margin in any way (Zadrozny & Elkan 2002), the same both ways round.

    Its steps get a slope too small to be a figure, which keeps different margins apart.
    """
    from sklearn.isotonic import IsotonicRegression  # late, for it takes seconds

    slope = fit_temperature(margins)
    edge = 1 / (2 * len(margins) + 2)  # no probability is 0 or 1, however sure the sample
    both = np.concatenate([margins, -margins])
    steps = IsotonicRegression(y_min=edge, y_max=1 - edge).fit_transform(
        both, np.repeat([1.0, 0.0], len(margins))
    )
    ends = {
        m: logit(p)
        for p in np.unique(steps)
        for m in (both[steps == p].min(), both[steps == p].max())
        if m > 0
    }
    return Calibrator(
        slope, tuple((float(m), float(ends[m] + TILT * m / slope)) for m in sorted(ends))
    )


FITS: dict[str, Callable[[Array], Calibrator]] = {"temperature": temperature, "isotonic": isotonic}


def fit_member(method: str, margins: Array, ensemble: Calibrator) -> Calibrator:
    """That of one member of an ensemble; the ensemble's where the member has none of its own."""
    try:
        return FITS[method](margins)
    except InputError:
        return ensemble
