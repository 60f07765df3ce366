"""Temperature: properties of the optimum, and refusal in words where there is none."""

import numpy as np
import pytest
from scipy.special import expit

from mlx_reward.calibration import fit_temperature
from mlx_reward.errors import InputError
from mlx_reward.metrics import accuracy, nll


def outcomes(temperature: float, count: int = 5000, seed: int = 0) -> np.ndarray:
    """Margins whose right temperature is ``temperature``."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, count)
    return temperature * np.where(rng.random(count) < expit(logits), logits, -logits)


@pytest.mark.parametrize("temperature", [1e-3, 0.3, 1.0, 7.0, 1e4])
def test_the_true_temperature_is_found_at_any_scale(temperature: float) -> None:
    assert fit_temperature(outcomes(temperature)) == pytest.approx(temperature, rel=0.08)


def test_nll_is_no_worse_and_accuracy_the_same() -> None:
    margins = outcomes(3.0)
    temperature = fit_temperature(margins)
    assert nll(margins / temperature) < nll(margins)
    assert accuracy(margins / temperature) == accuracy(margins)


@pytest.mark.parametrize("factor", [0.98, 1.02])
def test_it_is_a_minimum(factor: float) -> None:
    margins = outcomes(3.0)
    best = fit_temperature(margins)
    assert nll(margins / best) < nll(margins / (best * factor))


@pytest.mark.parametrize(
    ("margins", "reason"),
    [
        ([], "valid set is empty"),
        ([1.0, 2.0, 0.5], "separates all 3 valid pairs"),
        ([1.0, -2.0], "prefers the rejected"),
        ([0.0, 0.0], "prefers the rejected"),
        ([1.0, float("nan")], "not finite"),
    ],
)
def test_no_optimum_is_refused_in_words(margins: list[float], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        fit_temperature(np.array(margins, dtype=np.float64))
