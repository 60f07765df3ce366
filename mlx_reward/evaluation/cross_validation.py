"""Which calibration method holds up on pairs that it was not fitted on."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from mlx_reward.evaluation.calibration import FITS, Calibrator
from mlx_reward.evaluation.intervals import UNKNOWN, Estimate, Indices, draws, interval
from mlx_reward.evaluation.metrics import ece, nll, reliability
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError

FOLDS = 5
MEASURES: dict[str, Callable[[Array, int], float]] = {
    "nll": lambda logits, _: nll(logits),
    "ece": lambda logits, bins: ece(reliability(logits, bins)),
}


def compared(margins: Array, prompts: Sequence[Hashable], bins: int) -> dict[str, float | None]:
    """Return NLL and ECE of each method on prompts it was not fitted on, with 95 % intervals.

    ``margins`` and ``prompts`` are (P,). A method that cannot be fitted has None.
    """
    drawn = draws(prompts)
    found: dict[str, float | None] = {}
    for method, fit in FITS.items():
        logits = _out_of_fold(margins, prompts, fit)
        for name in MEASURES:
            found |= _estimate(name, logits, drawn, bins).fields(f"cv_{name}_{method}")
    return found


def _estimate(name: str, logits: Array | None, drawn: list[Indices], bins: int) -> Estimate:
    if logits is None:
        return UNKNOWN
    measure = MEASURES[name]
    low, high = interval(lambda indices: measure(logits[indices], bins), drawn)
    return Estimate(measure(logits, bins), low, high)


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
            except InputError:  # too few pairs, or all right, or all wrong
                return None
    return logits
