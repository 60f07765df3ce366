"""One optimizer step: the gradient of a batch, in parts where it is accumulated, and the update unless it is not finite.

Several processes take a step together: each runs its share of the batch, all update their copy by the sum of the gradients.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
from mlx.utils import tree_map

from mlx_reward.data.dataset import Batch, PairIds, PreferenceDataset, collate
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.features import FrozenFeatures
from mlx_reward.evaluation.metrics import accuracy
from mlx_reward.model.network import RewardNetwork
from mlx_reward.training.distributed import DataParallel
from mlx_reward.training.objective import Objective


@dataclass(frozen=True)
class Step:
    """Loss and accuracy on the step's own pairs; ``finite`` tells whether the model was updated."""

    loss: float
    accuracy: float
    finite: bool


def make_train_step(
    engine: Engine,
    training: PreferenceDataset,
    objective: Objective,
    optimizer: optim.Optimizer,
    batch_size: int,
    max_grad_norm: float | None,
    frozen: FrozenFeatures | None,
    ranks: DataParallel,
) -> Callable[[PairIds], Step]:
    """A function of pairs of ``training`` that takes one step on them, of which ``batch_size`` run at once a process."""
    model = engine.network

    def loss_of(_: RewardNetwork, batch: Batch) -> tuple[mx.array, mx.array]:
        members = batch.texts.tolist()
        below = frozen.take(members) if frozen else None
        r = engine.forward(
            [training.texts[i] for i in members], [training.prompts[i] for i in members], below
        )
        return objective(r, batch), r[mx.array(batch.chosen)] - r[mx.array(batch.rejected)]

    value_and_grad = nn.value_and_grad(model, loss_of)

    def step(members: PairIds) -> Step:
        model.train()
        own = ranks.part(members)
        parts = [
            collate(training, own[start : start + batch_size])
            for start in range(0, len(own), batch_size)
        ]
        loss, right, gradients = ranks.total(_gradient(value_and_grad, model, parts, len(members)))
        gradients, norm = optim.clip_grad_norm(gradients, max_grad_norm or math.inf)
        taken = Step(
            loss=float(loss),
            accuracy=float(right) / len(members),
            finite=math.isfinite(float(loss)) and math.isfinite(float(norm)),
        )
        if taken.finite:
            optimizer.update(model, gradients)
            mx.eval(model.trainable_parameters(), optimizer.state)
        return taken

    return step


def _gradient(
    value_and_grad: Any, model: RewardNetwork, parts: list[Batch], pairs: int
) -> tuple[mx.array, mx.array, Any]:
    """Loss and gradient, each of the ``parts`` weighted by its share of all ``pairs``; how many are the right way round."""
    loss, right, total = mx.array(0.0), 0.0, None
    for part in parts:
        share = len(part.pair_ids) / pairs
        (part_loss, margins), gradients = value_and_grad(model, part)
        loss = loss + share * part_loss
        total = gradients if share == 1 else _add(total, gradients, share)
        mx.eval(loss, margins, total)
        right += len(part.pair_ids) * accuracy(np.array(margins, dtype=np.float64))
    if total is None:  # fewer pairs than processes
        total = tree_map(mx.zeros_like, model.trainable_parameters())
    return loss, mx.array(right), total


def _add(total: Any, gradients: Any, share: float) -> Any:
    if total is None:
        return tree_map(lambda g: share * g, gradients)
    return tree_map(lambda t, g: t + share * g, total, gradients)
