"""Rewards less a penalty for what an ensemble does not agree about."""

from numbers import Real

from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError

MAX_UNCERTAINTY_PENALTY = 1e6  # beyond, a reward is lost in the rounding of its penalty


def penalize(rewards: Array, uncertainties: Array, uncertainty_penalty: float) -> Array:
    """Return rewards (N,) less ``uncertainty_penalty`` times their uncertainties (N,).

    After Coste et al. 2023, "Reward Model Ensembles Help Mitigate Overoptimization", with the
    standard deviation over the ensemble where they subtract the variance.
    """
    check_uncertainty_penalty(uncertainty_penalty)
    return rewards - uncertainty_penalty * uncertainties


def check_uncertainty_penalty(value: float) -> None:
    """Raise InputError unless ``value`` is a number of at least 0 that leaves rewards finite."""
    is_real = isinstance(value, Real) and not isinstance(value, bool)
    if not is_real or not 0 <= value <= MAX_UNCERTAINTY_PENALTY:  # which NaN is not, either
        raise InputError(
            f"uncertainty_penalty is {str(value)[:40]}: not a number from 0 to "
            f"{MAX_UNCERTAINTY_PENALTY:,.0f}"
        )
