"""A train step accumulates, clips, and leaves out a gradient that is not finite."""

import mlx.core as mx
import numpy as np
import pytest

from mlx_reward.engine.engine import Engine
from mlx_reward.training.trainer import train
from tests.toy import dataset, loss_settings, network, settings, weights


def test_accumulated_gradients_are_those_of_the_large_batch() -> None:
    """Parts of unequal size, for 36 is not a multiple of 8."""
    runs = []
    for batch_size, parts in ((36, 1), (9, 4), (8, 5)):
        trained = network()
        changes = {"batch_size": batch_size, "grad_accumulation_steps": parts}
        one_step = settings(**changes, iters=1, warmup=0.0)
        train(Engine(trained), dataset(36), dataset(9, seed=1), one_step)
        runs.append(weights(trained)["head.weight"])
    assert np.abs(runs[0]).max() > 1e-3
    for other in runs[1:]:
        assert other == pytest.approx(runs[0], abs=1e-5)


def test_clipping_bounds_the_step() -> None:
    moved = []
    for limit in (None, 1e-9):
        trained = network()
        one_step = settings(max_grad_norm=limit, iters=1, warmup=0.0)
        train(Engine(trained), dataset(36), dataset(9, seed=1), one_step)
        moved.append(np.abs(weights(trained)["head.weight"]).max())
    assert moved[1] < moved[0] * 0.5  # not in proportion, for Adam's epsilon


def test_one_gradient_that_is_not_finite_leaves_its_step_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A single bad batch must not poison weights and optimizer."""
    trained = network()
    steps = []

    def sometimes_nan(rewards_chosen: mx.array, rewards_rejected: mx.array) -> mx.array:
        steps.append(1)
        factor = float("nan") if len(steps) == 2 else 1e-3
        return (rewards_chosen - rewards_rejected).sum() * factor

    monkeypatch.setattr("mlx_reward.training.losses.centering", sometimes_nan)
    centred = settings(batch_size=9, epochs=1, loss=loss_settings(centering=1.0))
    log_history = train(Engine(trained), dataset(36), dataset(9, seed=1), centred)
    assert (log_history.skipped, len(log_history.losses)) == (1, 3)
    assert all(np.isfinite(array).all() for array in weights(trained).values())
