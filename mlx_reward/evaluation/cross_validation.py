"""Which calibration method holds up on pairs that it was not fitted on."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from mlx_reward.evaluation.calibration import FITS
from mlx_reward.evaluation.calibration_null import ece_or_none
from mlx_reward.evaluation.calibrator import Calibrator
from mlx_reward.evaluation.intervals import POSITIVE, UNKNOWN, mean_estimate
from mlx_reward.evaluation.metrics import log_losses
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError

FOLDS = 5


def compared(margins: Array, clusters: Sequence[Hashable], bins: int) -> dict[str, float | None]:
    """Return NLL, with its 95 % interval, and ECE of each method on clusters it was not fitted on.

    ``margins`` and ``clusters`` are (P,). A method that cannot be fitted has None. ECE is mostly
    the noise of its bins at the size of a validation split, which no interval around it shows.
    """
    found: dict[str, float | None] = {}
    for method, fit in FITS.items():
        logits = _out_of_fold(margins, clusters, fit)
        if logits is None:
            found |= UNKNOWN.fields(f"cv_nll_{method}") | {f"cv_ece_{method}": None}
        else:
            losses = mean_estimate(log_losses(logits), clusters, POSITIVE)
            found |= losses.fields(f"cv_nll_{method}")
            found[f"cv_ece_{method}"] = ece_or_none(logits, bins)
    return found


def _out_of_fold(
    margins: Array, clusters: Sequence[Hashable], fit: Callable[[Array], Calibrator]
) -> Array | None:
    """Return the logits (P,) of each pair by the fit on the folds it is not in; None for no fit."""
    place = {cluster: i % FOLDS for i, cluster in enumerate(dict.fromkeys(clusters))}
    folds = np.array([place[cluster] for cluster in clusters])
    logits = np.zeros_like(margins)
    for fold in range(FOLDS):
        inside = margins[folds == fold]
        outside = margins[folds != fold]
        if len(inside):
            try:
                logits[folds == fold] = fit(outside)(inside)
            except InputError:  # all pairs are of one prompt, so that no other is left to fit on
                return None
    return logits
