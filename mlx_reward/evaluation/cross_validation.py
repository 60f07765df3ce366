"""Which way to calibrate holds up on pairs that it was not fitted on."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from mlx_reward.evaluation.calibration import FITS, Calibrator
from mlx_reward.evaluation.intervals import Indices, draws, interval
from mlx_reward.evaluation.metrics import ece, nll, reliability
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError

FOLDS = 5
MEASURES: dict[str, Callable[[Array, int], float]] = {
    "nll": lambda logits, _: nll(logits),
    "ece": lambda logits, bins: ece(reliability(logits, bins)),
}


def compared(margins: Array, prompts: Sequence[Hashable], bins: int) -> dict[str, float | None]:
    """NLL and ECE of each method on prompts it was not fitted on, with 95 % intervals; None where it cannot be fitted."""
    drawn, found = draws(prompts), dict[str, float | None]()
    for method, fit in FITS.items():
        logits = _out_of_fold(margins, prompts, fit)
        found |= {
            f"cv_{name}_{method}{end}": value
            for name in MEASURES
            for end, value in _measured(name, logits, drawn, bins)
        }
    return found


def _measured(
    name: str, logits: Array | None, drawn: list[Indices], bins: int
) -> list[tuple[str, float | None]]:
    """The figure and the ends of its interval."""
    ends = ("", "_low", "_high")
    if logits is None:
        return [(end, None) for end in ends]
    measure = MEASURES[name]
    return list(
        zip(
            ends,
            (measure(logits, bins), *interval(lambda i: measure(logits[i], bins), drawn)),
            strict=True,
        )
    )


def _out_of_fold(
    margins: Array, prompts: Sequence[Hashable], fit: Callable[[Array], Calibrator]
) -> Array | None:
    place = {prompt: i % FOLDS for i, prompt in enumerate(dict.fromkeys(prompts))}
    folds = np.array([place[prompt] for prompt in prompts])
    logits = np.zeros_like(margins)
    for fold in range(FOLDS):
        inside, outside = margins[folds == fold], margins[folds != fold]
        if len(inside):
            try:
                logits[folds == fold] = fit(outside)(inside)
            except InputError:  # too few pairs, or all right, or all wrong
                return None
    return logits
