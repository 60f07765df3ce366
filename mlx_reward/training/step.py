"""One optimizer step: the gradient of a batch of pairs, accumulated in parts, and the update."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.utils import tree_map

from mlx_reward.data.dataset import Batch, PairIds, PreferenceDataset, collate
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.features import FrozenFeatures
from mlx_reward.model.network import RewardNetwork
from mlx_reward.training.distributed import DataParallel
from mlx_reward.training.losses import LossFn
from mlx_reward.training.parts import Units, parts, shares

ValueAndGrad = Callable[[RewardNetwork, Batch], tuple[tuple[mx.array, mx.array], Any]]


@dataclass(frozen=True)
class StepResult:
    """Mean loss, accuracy and margin of the step's pairs, and the update.

    ``grad_norm`` is the length of the gradient before it was clipped. A step that is not ``finite``
    updates nothing.
    """

    loss: float
    accuracy: float
    margin: float
    grad_norm: float
    learning_rate: float
    finite: bool


TrainStep = Callable[[PairIds], StepResult]


def make_train_step(
    engine: Engine,
    training: PreferenceDataset,
    loss_fn: LossFn,
    optimizer: optim.Optimizer,
    *,
    batch_size: int,
    units: Units,
    max_grad_norm: float | None,
    features: FrozenFeatures | None,
    data_parallel: DataParallel,
) -> TrainStep:
    """Return a function that takes one optimizer step on some pairs of ``training``.

    Each process runs its share of the pairs, ``batch_size`` at once, and all update their copy of
    the network by the sum of the gradients. Pairs of one of ``units`` (P,) run together.
    """
    network = engine.network
    value_and_grad = _make_value_and_grad(engine, training, loss_fn, features)

    def train_step(pair_ids: PairIds) -> StepResult:
        network.train()
        own_pairs = shares(pair_ids, units, data_parallel.size)[data_parallel.rank]
        batches = [collate(training, part) for part in parts(own_pairs, units, batch_size)]
        own_sums = _accumulate(value_and_grad, network, batches, pairs_in_step=len(pair_ids))
        loss, correct, margins, gradients = data_parallel.all_sum(own_sums)
        gradients, norm = optim.clip_grad_norm(gradients, max_grad_norm or math.inf)
        mx.eval(
            loss, correct, margins, norm, gradients
        )  # the one time the host waits for the device
        finite = math.isfinite(float(loss)) and math.isfinite(float(norm))
        if finite:
            optimizer.update(network, gradients)
            mx.async_eval(network.trainable_parameters(), optimizer.state)
        return StepResult(
            loss=float(loss),
            accuracy=float(correct) / len(pair_ids),
            margin=float(margins) / len(pair_ids),
            grad_norm=float(norm),
            learning_rate=float(optimizer.learning_rate),  # which the update set
            finite=finite,
        )

    return train_step


def _make_value_and_grad(
    engine: Engine,
    training: PreferenceDataset,
    loss_fn: LossFn,
    features: FrozenFeatures | None,
) -> ValueAndGrad:
    """Return a function from a batch to its (loss, margins (P,)) and the gradient of the loss."""

    def loss_and_margins(_: RewardNetwork, batch: Batch) -> tuple[mx.array, mx.array]:
        text_ids = batch.texts.tolist()
        rewards = engine.forward(
            [training.texts[i] for i in text_ids],
            features.take(text_ids) if features else None,
        )
        margins = rewards[mx.array(batch.chosen)] - rewards[mx.array(batch.rejected)]
        return loss_fn(rewards, batch), margins

    value_and_grad: ValueAndGrad = nn.value_and_grad(engine.network, loss_and_margins)
    return value_and_grad


def _accumulate(
    value_and_grad: ValueAndGrad, network: RewardNetwork, batches: list[Batch], pairs_in_step: int
) -> tuple[mx.array, mx.array, mx.array, Any]:
    """Return loss, number of correct pairs, sum of margins and gradient, of all ``batches``.

    Each batch is weighted by its share of the step's pairs. A correct pair has the higher reward
    for chosen; a tie counts one half.
    """
    loss = correct = sum_of_margins = mx.array(0.0)
    total: Any = None
    for batch in batches:
        if total is not None:
            mx.eval(
                loss, correct, sum_of_margins, total
            )  # so that one batch's graph is held at a time
        share = len(batch.chosen) / pairs_in_step
        (batch_loss, margins), gradients = value_and_grad(network, batch)
        loss = loss + share * batch_loss
        total = _add(total, gradients, share)
        correct = correct + (0.5 + 0.5 * mx.sign(margins)).sum()
        sum_of_margins = sum_of_margins + margins.sum()
    if total is None:  # fewer pairs than processes
        total = tree_map(mx.zeros_like, network.trainable_parameters())
    return loss, correct, sum_of_margins, total


def _add(total: Any, gradients: Any, share: float) -> Any:
    """Return total + share * gradients; ``total`` is None at first."""
    if share == 1:
        return gradients
    if total is None:
        return tree_map(lambda gradient: share * gradient, gradients)
    return tree_map(lambda sum_, gradient: sum_ + share * gradient, total, gradients)
