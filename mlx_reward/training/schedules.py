"""What happens when in a training run: its number of steps, its evaluations, its learning rate."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import mlx.core as mx
import mlx.optimizers as optim

from mlx_reward.config.train import TrainSettings

Schedule = Callable[[mx.array], mx.array]  # the learning rate of a step, counted from 0


@dataclass(frozen=True)
class StepSchedule:
    """How many optimizer steps a run and an epoch take, and after which steps to evaluate."""

    total_steps: int
    steps_per_epoch: int
    eval_steps: frozenset[int]  # steps count from 1


def step_schedule(pairs: int, settings: TrainSettings) -> StepSchedule:
    """Return the schedule of a run over a number of ``pairs``.

    Evaluations are spread evenly over each epoch, and one follows the last step: 10 steps an epoch
    and 2 evaluations an epoch for 24 steps evaluate after steps 5, 10, 15, 20 and 24.
    """
    pairs_per_step = settings.batch_size * settings.grad_accumulation_steps
    steps_per_epoch = math.ceil(pairs / pairs_per_step)
    total_steps = settings.iters or steps_per_epoch * settings.epochs
    evals = settings.evals_per_epoch
    in_epoch = {round(steps_per_epoch * k / evals) for k in range(1, evals + 1)}
    eval_steps = {
        epoch_start + step
        for epoch_start in range(0, total_steps, steps_per_epoch)
        for step in in_epoch
        if 0 < epoch_start + step <= total_steps
    }
    eval_steps.add(total_steps)
    return StepSchedule(
        total_steps=total_steps,
        steps_per_epoch=steps_per_epoch,
        eval_steps=frozenset(eval_steps),
    )


def learning_rate_schedule(kind: str, peak: float, steps: int, warmup: float) -> Schedule:
    """Return the learning rate over ``steps`` steps.

    It rises linearly from 0 to ``peak`` over the first ``warmup`` share of the steps, then falls
    to 0 (``kind`` cosine or linear) or stays (constant).
    """
    warmup_steps = round(steps * warmup)
    decay_steps = max(steps - warmup_steps, 1)
    decay = _decay(kind, peak, decay_steps)
    if warmup_steps == 0:
        return decay
    rise = optim.linear_schedule(0.0, peak, warmup_steps)
    return optim.join_schedules([rise, decay], [warmup_steps])


def _decay(kind: str, peak: float, steps: int) -> Schedule:
    if kind == "cosine":
        return optim.cosine_decay(peak, steps)
    end = peak if kind == "constant" else 0.0
    return optim.linear_schedule(peak, end, steps)
