"""Other ways to calibrate, against temperature: which one holds up on pairs that it was not fitted on.

Platt's scaling (Platt 1999) would add an intercept. Between two responses there is none: turned round, a pair must get the
opposite log-odds, which leaves the slope, and that is the temperature.
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from mlx_reward.calibration import fit_temperature
from mlx_reward.errors import InputError
from mlx_reward.intervals import Indices, draws, interval
from mlx_reward.metrics import Array, ece, nll, reliability

FOLDS = 5
Calibrator = Callable[[Array], Array]  # margins to log-odds


def temperature(margins: Array) -> Calibrator:
    """Log-odds in proportion to the margin."""
    found = fit_temperature(margins)
    return lambda m: m / found


def isotonic(margins: Array) -> Calibrator:
    """Log-odds that rise with the margin in any way (Zadrozny & Elkan 2002), the same both ways round."""
    from sklearn.isotonic import IsotonicRegression  # late, for it takes seconds

    edge = 1 / (2 * len(margins) + 2)  # no probability is 0 or 1, however sure the sample
    fitted = IsotonicRegression(y_min=edge, y_max=1 - edge, out_of_bounds="clip")
    fitted.fit(np.concatenate([margins, -margins]), np.repeat([1.0, 0.0], len(margins)))

    def log_odds(m: Array) -> Array:
        p = fitted.predict(m)
        return np.asarray(np.log(p) - np.log1p(-p))

    return log_odds


MEASURES: dict[str, Callable[[Array, int], float]] = {
    "nll": lambda logits, _: nll(logits),
    "ece": lambda logits, bins: ece(reliability(logits, bins)),
}
KINDS: dict[str, Callable[[Array], Calibrator]] = {"temperature": temperature, "isotonic": isotonic}


def compared(margins: Array, prompts: Sequence[Hashable], bins: int) -> dict[str, float | None]:
    """NLL and ECE of each kind on prompts it was not fitted on, with 95 % intervals; None where it cannot be fitted."""
    drawn, found = draws(prompts), dict[str, float | None]()
    for kind, fit in KINDS.items():
        logits = _out_of_fold(margins, prompts, fit)
        found |= {f"cv_{name}_{kind}{end}": value for name in MEASURES for end, value in _measured(name, logits, drawn, bins)}
    return found


def _measured(name: str, logits: Array | None, drawn: list[Indices], bins: int) -> list[tuple[str, float | None]]:
    """The figure and the ends of its interval."""
    ends = ("", "_low", "_high")
    if logits is None:
        return [(end, None) for end in ends]
    measure = MEASURES[name]
    return list(zip(ends, (measure(logits, bins), *interval(lambda i: measure(logits[i], bins), drawn)), strict=True))


def _out_of_fold(margins: Array, prompts: Sequence[Hashable], fit: Callable[[Array], Calibrator]) -> Array | None:
    place = {prompt: i % FOLDS for i, prompt in enumerate(dict.fromkeys(prompts))}
    folds = np.array([place[prompt] for prompt in prompts])
    logits = np.zeros_like(margins)
    for fold in range(FOLDS):
        inside, outside = margins[folds == fold], margins[folds != fold]
        if len(inside):
            try:
                logits[folds == fold] = fit(outside)(inside)
            except (InputError, ValueError):  # too few pairs, or all right, or all wrong
                return None
    return logits
