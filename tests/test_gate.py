"""The gate says which bar fell short and by how much."""

import math

import pytest

from mlx_reward.gate import shortfalls


def test_both_bars_cleared() -> None:
    assert shortfalls(0.70, 0.0999, 0.70, 0.10) == []


@pytest.mark.parametrize(
    ("accuracy", "ece", "lines"),
    [
        (0.65, 0.05, ["accuracy 0.6500 is 0.0500 below the bar of 0.7"]),
        (0.75, 0.10, ["ECE 0.1000 is 0.0000 above the bar of 0.1"]),
        (0.60, 0.30, ["accuracy 0.6000 is 0.1000 below the bar of 0.7", "ECE 0.3000 is 0.2000 above the bar of 0.1"]),
    ],
)
def test_each_miss_is_named(accuracy: float, ece: float, lines: list[str]) -> None:
    assert shortfalls(accuracy, ece, 0.70, 0.10) == lines


def test_nan_never_passes() -> None:
    assert len(shortfalls(math.nan, math.nan, 0.70, 0.10)) == 2
