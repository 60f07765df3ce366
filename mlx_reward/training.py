"""Fit a reward model on comparisons: AdamW with warm-up and decay, evaluated on valid, the best state kept."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten

from mlx_reward.comparisons import Batch, Comparisons, epoch
from mlx_reward.errors import InputError
from mlx_reward.frozen import FrozenStates
from mlx_reward.lanes import lanes, rewards
from mlx_reward.losses import bradley_terry
from mlx_reward.metrics import accuracy, nll
from mlx_reward.model import RewardNetwork
from mlx_reward.progress import bar
from mlx_reward.scoring import score
from mlx_reward.settings.train import TrainSettings


@dataclass(frozen=True)
class Evaluation:
    """Valid figures after ``step`` optimizer steps (temperature 1)."""

    step: int
    nll: float
    accuracy: float


@dataclass(frozen=True)
class History:
    """Loss and accuracy of every step on its own batch, and the evaluations on valid."""

    losses: list[float]
    accuracies: list[float]
    evaluations: list[Evaluation]

    @property
    def best(self) -> Evaluation:
        return min(self.evaluations, key=lambda e: e.nll)

    def figures(self) -> dict[str, float | int]:
        """Flat figures of the run, for metrics/train.json."""
        best = self.best
        return {
            "steps": len(self.losses),
            "best_step": best.step,
            "valid_nll": best.nll,
            "valid_accuracy": best.accuracy,
            "first_loss": self.losses[0],
            "last_loss": float(np.mean(self.losses[-20:])),
        }

    def curve(self) -> list[dict[str, float | int]]:
        """A row a step for plots: loss and accuracy, averaged over the last 20 steps."""
        recent = [slice(max(0, i - 19), i + 1) for i in range(len(self.losses))]
        return [
            {"step": i, "loss": float(np.mean(self.losses[r])), "accuracy": float(np.mean(self.accuracies[r]))}
            for i, r in enumerate(recent, 1)
        ]


def learning_rate(peak: float, steps: int, warmup: float) -> Any:
    """Linear from 0 to ``peak`` over the first ``warmup`` share of ``steps``, then a cosine down to 0."""
    rising = round(steps * warmup)
    decay = optim.cosine_decay(peak, max(steps - rising, 1))
    if rising == 0:
        return decay
    return optim.join_schedules([optim.linear_schedule(0.0, peak, rising), decay], [rising])


@dataclass(frozen=True)
class Frozen:
    """What the frozen blocks make of the texts of train and valid, None where it is not kept."""

    training: FrozenStates | None = None
    valid: FrozenStates | None = None


UNKNOWN = Frozen()


def train(
    model: RewardNetwork, training: Comparisons, valid: Comparisons, settings: TrainSettings, frozen: Frozen = UNKNOWN
) -> History:
    """Fit ``model`` in place and leave it in its best state by NLL on ``valid``. Repeatable for one seed and machine."""
    per_epoch = math.ceil(len(training.pairs) / settings.batch_size)
    steps = per_epoch * settings.epochs
    optimizer = optim.AdamW(learning_rate(settings.learning_rate, steps, settings.warmup), weight_decay=settings.weight_decay)
    stops = {round(per_epoch * k / settings.evals_per_epoch) for k in range(1, settings.evals_per_epoch + 1)}
    history = History([], [], [])
    best = trainable(model)
    step = _stepper(model, training, optimizer, settings.soft_labels, frozen.training)
    with bar(total=len(training.pairs) * settings.epochs, what="train", unit="pair") as progress:
        for number, batch in enumerate(_batches(training, settings), 1):
            loss, share_right = step(batch)
            _refuse_nonfinite(loss, number)
            history.losses.append(loss)
            history.accuracies.append(share_right)
            progress.update(len(batch.chosen))
            progress.set_postfix_str(_postfix(history), refresh=False)
            if (number - 1) % per_epoch + 1 in stops:
                history.evaluations.append(evaluate(model, valid, number, frozen.valid))
                if history.best.step == number:
                    best = trainable(model)
    model.update(best)
    return history


def _batches(training: Comparisons, settings: TrainSettings) -> Iterator[Batch]:
    rng = np.random.default_rng(settings.seed)
    for _ in range(settings.epochs):
        yield from epoch(training, settings.batch_size, rng)


def _stepper(
    model: RewardNetwork, training: Comparisons, optimizer: optim.Optimizer, soft_labels: bool, frozen: FrozenStates | None
) -> Any:
    """A function of a batch that takes one optimizer step and returns the loss and the accuracy on that batch."""
    streams = lanes()
    labels = np.array([pair.label if soft_labels else 1.0 for pair in training.pairs], dtype=np.float32)

    def loss_of(model: RewardNetwork, batch: Batch) -> tuple[mx.array, mx.array]:
        members = batch.texts.tolist()
        below = frozen.take(members) if frozen else None
        r = rewards(model, [training.texts[i] for i in members], [training.prompts[i] for i in members], streams, below)
        margins = r[mx.array(batch.chosen)] - r[mx.array(batch.rejected)]
        return bradley_terry(margins, mx.array(labels[batch.members])), margins

    value_and_grad = nn.value_and_grad(model, loss_of)

    def step(batch: Batch) -> tuple[float, float]:
        model.train()
        (loss, margins), gradients = value_and_grad(model, batch)
        optimizer.update(model, gradients)
        mx.eval(model.trainable_parameters(), optimizer.state, loss, margins)
        return loss.item(), accuracy(np.array(margins, dtype=np.float64))

    return step


def evaluate(model: RewardNetwork, valid: Comparisons, step: int, frozen: FrozenStates | None) -> Evaluation:
    """NLL and accuracy on ``valid``, at temperature 1."""
    margins = valid.margins(score(model, valid.texts, valid.prompts, "valid", frozen))
    return Evaluation(step, nll(margins), accuracy(margins))


def trainable(model: RewardNetwork) -> dict[str, Any]:
    """A copy of the trainable parameters, as a tree for ``model.update``."""
    parameters: Any = tree_flatten(model.trainable_parameters())
    copies = [(name, mx.array(value)) for name, value in parameters]
    mx.eval(copies)
    return dict(tree_unflatten(copies))


def _refuse_nonfinite(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise InputError(f"the loss became {loss} at step {step}; lower train.learning_rate")


def _postfix(history: History) -> str:
    recent = slice(-20, None)
    text = f"loss {np.mean(history.losses[recent]):.3f}, accuracy {np.mean(history.accuracies[recent]):.3f}"
    if history.evaluations:
        text += f", valid {history.evaluations[-1].accuracy:.3f}"
    return f"{text}, peak {mx.get_peak_memory() / 2**30:.1f} GiB"
