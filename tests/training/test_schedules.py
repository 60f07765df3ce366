"""When a run evaluates and how fast it learns."""

import mlx.core as mx
import pytest

from mlx_reward.training.schedules import learning_rate_schedule, step_schedule
from tests.toy import settings


@pytest.mark.parametrize(
    ("kind", "middle", "end"), [("cosine", 0.5, 0.0), ("linear", 0.5, 0.0), ("constant", 1.0, 1.0)]
)
def test_learning_rate_rises_then_follows_its_schedule(
    kind: str, middle: float, end: float
) -> None:
    schedule = learning_rate_schedule(kind, 1.0, steps=100, warmup=0.1)
    rates = [float(schedule(mx.array(step))) for step in (0, 5, 10, 55, 100)]
    assert rates == pytest.approx([0.0, 0.5, 1.0, middle, end], abs=0.01)
    without_warmup = learning_rate_schedule(kind, 1.0, steps=100, warmup=0.0)
    assert float(without_warmup(mx.array(0))) == 1.0


@pytest.mark.parametrize(
    ("changes", "total_steps", "eval_steps"),
    [
        ({"iters": 24, "evals_per_epoch": 2}, 24, {5, 10, 15, 20, 24}),  # as in the docstring
        ({"epochs": 2, "evals_per_epoch": 1}, 20, {10, 20}),
        ({"epochs": 1, "evals_per_epoch": 3}, 10, {3, 7, 10}),
        ({"epochs": 1, "evals_per_epoch": 40}, 10, set(range(1, 11))),  # never more than steps
        ({"iters": 3, "evals_per_epoch": 1}, 3, {3}),  # ends within the first epoch
    ],
)
def test_evaluations_are_spread_over_each_epoch_and_end_the_run(
    changes: dict[str, object], total_steps: int, eval_steps: set[int]
) -> None:
    """76 pairs, 8 a step: 10 steps an epoch, the last of them with 4 pairs."""
    with_batches = settings(batch_size=4, grad_accumulation_steps=2, **changes)
    schedule = step_schedule(76, with_batches)
    assert schedule.steps_per_epoch == 10
    assert schedule.total_steps == total_steps
    assert schedule.eval_steps == eval_steps
