"""What the gate can tell with a test set of this size: one sentence for each of its bars.

A bar says little by itself: how often it refuses a model that is good enough, and how large a fault
it notices, depends on the test set.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from mlx_reward.evaluation.calibration_null import CalibrationNull
from mlx_reward.evaluation.paired import Comparison

TWO_SIDED = float(ndtri(0.975))  # 1.96 deviations: half a 95 % interval
FOUR_IN_FIVE = float(ndtri(0.8))  # power that is asked for, as usual
NINE_IN_TEN = float(ndtri(0.9))


def accuracy_power(metrics: Mapping[str, Any], min_accuracy: float) -> list[str]:
    """Return how good a model must truly be to clear the bar on accuracy, and not to."""
    error = _standard_error(metrics.get("accuracy_low"), metrics.get("accuracy_high"))
    if error is None or min_accuracy == 0:
        return []
    reach = NINE_IN_TEN * error
    return [
        f"accuracy: a model clears the bar of {min_accuracy:g} in nine of ten cases if its true "
        f"accuracy is {min_accuracy + reach:.3f}, in one of ten if it is {min_accuracy - reach:.3f}"
    ]


def calibration_power(null: CalibrationNull, max_ece: float) -> str:
    """Return how often the bar on ECE refuses a calibrated model, and what it refuses for sure."""
    by_chance = null.chance_of_reaching(max_ece)
    errors = np.arange(0.005, 0.5, 0.005)
    refused = [error for error in errors if null.chance_of_reaching(max_ece, error) >= 0.8]
    noticed = f"of {refused[0]:.3f} or more" if refused else "of any size"
    share = "is" if refused else "is not"
    return (
        f"calibration: a perfectly calibrated model misses the bar of {max_ece:g} in "
        f"{100 * by_chance:.0f} % of cases; an ECE {noticed} {share} noticed in four of five"
    )


def equal_run_passes(change: Comparison, max_regression: float) -> float | None:
    """Return the chance that a run exactly as good passes the bar on regression.

    It passes where the lower end of its interval is at least ``-max_regression``: where a normal
    error is at least 1.96 standard errors less that. None where the change has no interval.
    """
    error = _standard_error(change.low, change.high)
    if error is None:
        return None
    if error == 0:
        return 1.0
    return float(ndtr(max_regression / error - TWO_SIDED))


def regression_power(change: Comparison, max_regression: float) -> list[str]:
    """Return how often an equally good run passes, and the smallest change that would show."""
    passes = equal_run_passes(change, max_regression)
    error = _standard_error(change.low, change.high)
    if passes is None or error is None:
        return []
    return [
        f"regression: an equally good run passes in {100 * passes:.0f} % of cases, and in nine of "
        f"ten with a max_regression of {(TWO_SIDED + NINE_IN_TEN) * error:.3f}; the smallest "
        f"difference that shows in four of five is {(TWO_SIDED + FOUR_IN_FIVE) * error:.3f}"
    ]


def _standard_error(low: float | None, high: float | None) -> float | None:
    """Return the standard error that a 95 % interval comes from; None without one."""
    return None if low is None or high is None else (high - low) / (2 * TWO_SIDED)
