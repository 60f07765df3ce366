"""The learning rate over the steps of a run."""

from typing import Any

import mlx.optimizers as optim


def learning_rate(kind: str, peak: float, steps: int, warmup: float) -> Any:
    """Linear from 0 to ``peak`` over the first ``warmup`` share of ``steps``, then down to 0 (cosine, linear) or constant."""
    rising = round(steps * warmup)
    left = max(steps - rising, 1)
    after = {
        "cosine": lambda: optim.cosine_decay(peak, left),
        "linear": lambda: optim.linear_schedule(peak, 0.0, left),
        "constant": lambda: optim.linear_schedule(peak, peak, left),
    }[kind]()
    if rising == 0:
        return after
    return optim.join_schedules([optim.linear_schedule(0.0, peak, rising), after], [rising])
