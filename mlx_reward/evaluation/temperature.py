"""Temperature scaling: one number T that calibrates P(chosen wins) = sigmoid(margin / T).

Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2. Dividing by a positive
number changes neither the ranking nor the accuracy.
"""

import numpy as np

from mlx_reward.evaluation.metrics import nll
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError

# Of log(mean |margin| / T). At the lower end all confidences are about one half: it is reached
# where the model prefers the rejected responses, which no positive temperature mends.
LOG_BOUNDS = (-5.0, 10.0)


def fit_temperature(margins: Array) -> float:
    """Return the T > 0 that minimises the NLL of ``margins`` (P,) of held-out pairs.

    Targets are those of Platt 1999, section 2.2: not 1, but (P + 1) / (P + 2), as if one pair had
    been seen to go either way. So there is an optimum even where every pair is decided right, and
    confidence stays about (P + 1) / (P + 2) there. Raises InputError for no pairs, and for margins
    that are not finite.
    """
    if len(margins) == 0:
        raise InputError("there are no pairs to fit a temperature to; raise split.valid_size")
    if not np.isfinite(margins).all():
        raise InputError(
            "a reward on the valid set is not finite; lower train.learning_rate and train again"
        )
    scale = float(np.mean(np.abs(margins)))
    if scale == 0:  # all are ties, at any temperature
        return 1.0
    other_way = 1 / (len(margins) + 2)

    def loss(log_inverse: float) -> float:
        logits = margins / scale * np.exp(log_inverse)
        return (1 - other_way) * nll(logits) + other_way * nll(-logits)

    from scipy.optimize import minimize_scalar  # late: commands that only score need it not

    fit = minimize_scalar(loss, bounds=LOG_BOUNDS)  # convex in 1 / T
    if not fit.success:
        raise InputError(f"the temperature could not be fitted: {fit.message}")
    return scale * float(np.exp(-fit.x))
