"""Which calibration method holds up on pairs that it was not fitted on."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from mlx_reward.evaluation.calibration import FITS, Calibrator
from mlx_reward.evaluation.calibration_null import ece_or_none
from mlx_reward.evaluation.intervals import UNKNOWN, Estimate, Indices, draws, interval
from mlx_reward.evaluation.metrics import nll
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError

FOLDS = 5


def compared(margins: Array, prompts: Sequence[Hashable], bins: int) -> dict[str, float | None]:
    """Return NLL, with its 95 % interval, and ECE of each method on prompts it was not fitted on.

    ``margins`` and ``prompts`` are (P,). A method that cannot be fitted has None.
    """
    drawn = draws(prompts)
    found: dict[str, float | None] = {}
    for method, fit in FITS.items():
        logits = _out_of_fold(margins, prompts, fit)
        found |= _nll(logits, drawn).fields(f"cv_nll_{method}")
        found[f"cv_ece_{method}"] = None if logits is None else ece_or_none(logits, bins)
    return found


def _nll(logits: Array | None, drawn: list[Indices]) -> Estimate:
    if logits is None:
        return UNKNOWN
    low, high = interval(lambda indices: nll(logits[indices]), drawn)
    return Estimate(nll(logits), low, high)


def _out_of_fold(
    margins: Array, prompts: Sequence[Hashable], fit: Callable[[Array], Calibrator]
) -> Array | None:
    """Return the logits (P,) of each pair by the fit on the folds it is not in; None for no fit."""
    place = {prompt: i % FOLDS for i, prompt in enumerate(dict.fromkeys(prompts))}
    folds = np.array([place[prompt] for prompt in prompts])
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
