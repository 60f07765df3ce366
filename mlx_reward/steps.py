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
from numpy.typing import NDArray

from mlx_reward.comparisons import Batch, Comparisons, batch_of
from mlx_reward.frozen import FrozenStates
from mlx_reward.lanes import lanes, rewards
from mlx_reward.metrics import accuracy
from mlx_reward.model import RewardNetwork
from mlx_reward.objective import Objective
from mlx_reward.ranks import Ranks


@dataclass(frozen=True)
class Step:
    """Loss and accuracy on the step's own pairs; ``finite`` tells whether the model was updated."""

    loss: float
    accuracy: float
    finite: bool


def stepper(
    model: RewardNetwork,
    training: Comparisons,
    objective: Objective,
    optimizer: optim.Optimizer,
    batch_size: int,
    max_grad_norm: float | None,
    frozen: FrozenStates | None,
    ranks: Ranks,
) -> Callable[[NDArray[np.int64]], Step]:
    """A function of (P,) pairs of ``training`` that takes one step on them, of which ``batch_size`` run at once a process."""
    streams = lanes()

    def loss_of(model: RewardNetwork, batch: Batch) -> tuple[mx.array, mx.array]:
        members = batch.texts.tolist()
        below = frozen.take(members) if frozen else None
        r = rewards(model, [training.texts[i] for i in members], [training.prompts[i] for i in members], streams, below)
        return objective(r, batch), r[mx.array(batch.chosen)] - r[mx.array(batch.rejected)]

    value_and_grad = nn.value_and_grad(model, loss_of)

    def gradient(members: NDArray[np.int64]) -> tuple[mx.array, mx.array, Any]:
        """Loss, gradients, each part weighted by its share of the pairs, and how many pairs are the right way round."""
        loss, right, total = mx.array(0.0), 0.0, None
        own = ranks.part(members)
        for start in range(0, len(own), batch_size):
            part = own[start : start + batch_size]
            share = len(part) / len(members)
            (part_loss, margins), gradients = value_and_grad(model, batch_of(training, part))
            loss = loss + share * part_loss
            total = gradients if share == 1 else _add(total, gradients, share)
            mx.eval(loss, margins, total)
            right += len(part) * accuracy(np.array(margins, dtype=np.float64))
        if total is None:  # fewer pairs than processes
            total = tree_map(mx.zeros_like, model.trainable_parameters())
        found: tuple[mx.array, mx.array, Any] = ranks.total((loss, mx.array(right), total))
        return found

    def step(members: NDArray[np.int64]) -> Step:
        model.train()
        loss, right, gradients = gradient(members)
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


def _add(total: Any, gradients: Any, share: float) -> Any:
    if total is None:
        return tree_map(lambda g: share * g, gradients)
    return tree_map(lambda t, g: t + share * g, total, gradients)
