"""Temperature scaling: one number T that calibrates P(chosen wins) = sigmoid(margin / T).

Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2. Dividing by a positive
number changes neither the ranking nor the accuracy.
"""

import numpy as np
from scipy.optimize import minimize_scalar

from mlx_reward.evaluation.metrics import nll
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError

LOG_BOUNDS = (-10.0, 10.0)  # of log(1 / T), relative to the scale of the margins


def fit_temperature(margins: Array) -> float:
    """Return the T > 0 that minimises the NLL of ``margins`` (P,) of held-out pairs.

    The NLL is convex in 1 / T. Its minimum is finite and positive only where some margins are wrong
    and the right ones outweigh them; anything else raises InputError.
    """
    _refuse_without_optimum(margins)
    scale = float(np.mean(np.abs(margins)))
    fit = minimize_scalar(
        lambda log_inverse: nll(margins / scale * np.exp(log_inverse)), bounds=LOG_BOUNDS
    )
    if not fit.success:
        raise InputError(f"the temperature could not be fitted: {fit.message}")
    return scale * float(np.exp(-fit.x))


def _refuse_without_optimum(margins: Array) -> None:
    if len(margins) == 0:
        raise InputError(
            "the valid set is empty, so no temperature can be fitted; raise split.valid_size"
        )
    if not np.isfinite(margins).all():
        raise InputError(
            "a reward on the valid set is not finite; lower train.learning_rate and train again"
        )
    if margins.mean() <= 0:
        raise InputError(
            f"the mean margin on {len(margins)} valid pairs is {margins.mean():.4g}: the model "
            "prefers the rejected responses, and no positive temperature helps; train longer, or "
            "check which column is chosen"
        )
    if (margins >= 0).all():
        raise InputError(
            f"the model separates all {len(margins)} valid pairs, so the best temperature is 0 and "
            "confidence would be absolute; raise split.valid_size so that it holds pairs the model "
            "gets wrong"
        )
