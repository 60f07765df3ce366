"""A train step accumulates, clips, and leaves out a gradient that is not finite."""

import mlx.core as mx
import mlx.optimizers as optim
import numpy as np
import pytest

from mlx_reward.engine.engine import Engine
from mlx_reward.training.distributed import SINGLE_PROCESS
from mlx_reward.training.losses import make_loss_fn
from mlx_reward.training.parts import units_of_pairs
from mlx_reward.training.step import make_train_step
from mlx_reward.training.trainer import train
from tests.toy import dataset, loss_settings, network, settings, weights


@pytest.mark.parametrize("kind", ["bradley_terry", "plackett_luce"])
def test_accumulated_gradients_are_those_of_the_large_batch(kind: str) -> None:
    """Parts of unequal size, for 36 is not a multiple of 8; no part cuts a choice in two."""
    data = dataset(36)
    losses, gradients = [], []
    for batch_size in (36, 9, 8):
        trained = network()
        trained.head.weight = mx.ones(trained.head.weight.shape)
        before = weights(trained)["head.weight"]
        train_step = make_train_step(
            Engine(trained),
            data,
            make_loss_fn(data.pairs, loss_settings(kind=kind)),
            optim.SGD(1.0),
            batch_size=batch_size,
            units=units_of_pairs(data, kind),
            max_grad_norm=None,
            features=None,
            data_parallel=SINGLE_PROCESS,
        )
        losses.append(train_step(np.random.default_rng(0).permutation(36)).loss)
        gradients.append(before - weights(trained)["head.weight"])
    assert np.abs(gradients[0]).max() > 1e-3
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)
    for other in gradients[1:]:
        assert other == pytest.approx(gradients[0], rel=1e-3, abs=1e-5)


def test_a_step_reports_margin_gradient_and_learning_rate() -> None:
    """Under plain gradient descent the update is the gradient times the learning rate."""
    data = dataset(36)
    trained = network()
    trained.head.weight = mx.ones(trained.head.weight.shape)
    before = weights(trained)
    margins = data.margins(Engine(trained).score(data.texts))
    train_step = make_train_step(
        Engine(trained),
        data,
        make_loss_fn(data.pairs, loss_settings()),
        optim.SGD(0.5),
        batch_size=9,
        units=units_of_pairs(data, "bradley_terry"),
        max_grad_norm=None,
        features=None,
        data_parallel=SINGLE_PROCESS,
    )
    result = train_step(np.arange(36))
    moved = [before[name] - after for name, after in weights(trained).items()]
    length = np.sqrt(sum(float((change**2).sum()) for change in moved))
    assert result.learning_rate == 0.5
    assert result.grad_norm == pytest.approx(length / 0.5, rel=1e-3)
    assert result.margin == pytest.approx(margins.mean(), rel=1e-4)


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
