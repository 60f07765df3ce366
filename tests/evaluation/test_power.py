"""What the gate says of itself is what happens in simulation."""

import numpy as np
import pytest

from mlx_reward.evaluation.calibration_null import calibration_null
from mlx_reward.evaluation.gate import judge_regression
from mlx_reward.evaluation.paired import compare_rows
from mlx_reward.evaluation.power import (
    accuracy_power,
    calibration_power,
    equal_run_passes,
    regression_power,
)
from tests.evaluation.test_calibration_null import calibrated


def runs(rng: np.random.Generator, pairs: int = 480) -> list[list[dict[str, object]]]:
    """Two runs that are equally good and disagree on about one pair in nine."""
    size = rng.normal(1.0, 1.3, pairs)
    logits = [size + rng.normal(0, 0.35, pairs) for _ in range(2)]
    return [
        [
            {"id": str(n), "prompt": str(n // 6), "subset": "s", "logit": float(logit)}
            for n, logit in enumerate(run)
        ]
        for run in logits
    ]


def test_an_equal_run_passes_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    changes = [compare_rows(*runs(rng)) for _ in range(25)]
    for max_regression in (0.02, 0.03, 0.05):
        passed = [judge_regression(c, "main", max_regression).passed for c in changes]
        said = [equal_run_passes(c, max_regression) or 0.0 for c in changes]
        assert np.mean(passed) == pytest.approx(np.mean(said), abs=0.2)
        assert (np.mean(passed) > 0.8) == (max_regression > 0.04)


def test_the_sentences_hold_what_to_choose_by() -> None:
    rng = np.random.default_rng(1)
    (line,) = regression_power(compare_rows(*runs(rng)), 0.02)
    assert line.startswith("regression: an equally good run passes in ")
    (line,) = accuracy_power({"accuracy_low": 0.73, "accuracy_high": 0.81}, 0.7)
    assert "0.726" in line  # 0.7 + 1.2816 * 0.08 / (2 * 1.96)
    assert "0.674" in line
    assert accuracy_power({"accuracy_low": None, "accuracy_high": None}, 0.7) == []
    null = calibration_null(calibrated(480, 1, rng, 0), range(480), 15)
    line = calibration_power(null, 0.1)
    assert line.startswith("calibration: a perfectly calibrated model misses the bar of 0.1 in 0 %")


def test_runs_that_are_the_same_pass_for_sure() -> None:
    same = runs(np.random.default_rng(2))[0]
    assert equal_run_passes(compare_rows(same, same), 0.0) == 1.0
