"""Fits calibrators on held-out pairs.

Platt's scaling (Platt 1999) would add an intercept; between two responses there is none, for a pair
turned round must get the opposite log-odds. What is left is the slope, and that is the temperature.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import logit

from mlx_reward.evaluation.calibrator import Calibrator
from mlx_reward.evaluation.temperature import fit_temperature
from mlx_reward.utils.arrays import Array

TILT = 1e-6  # share of the temperature's log-odds that is added to isotonic ones


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
