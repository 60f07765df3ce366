"""Training curves while a run lasts, in dvclive or wandb."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from mlx_reward.utils.errors import InputError
from mlx_reward.utils.install import install_command

Log = Callable[[int, dict[str, float]], None]  # called with a step and its metrics
Kind = Literal["none", "dvclive", "wandb"]


def silent(step: int, metrics: dict[str, float]) -> None:
    """Log nothing."""


@contextmanager
def tracked(kind: Kind, folder: Path, settings: dict[str, Any]) -> Iterator[Log]:
    """Yield a function that logs the metrics of a step with ``kind``.

    Its files go to ``folder``; ``settings`` are recorded with the run. Raise InputError where the
    tracker is not installed.
    """
    if kind == "none":
        yield silent
        return
    trackers = {"dvclive": _dvclive, "wandb": _wandb}
    try:
        with trackers[kind](folder, settings) as log:
            yield log
    except ModuleNotFoundError as error:
        if error.name != kind:
            raise
        raise InputError(
            f"train.report_to: {kind} is not installed; set it to none, or {install_command(kind)}"
        ) from None


@contextmanager
def _dvclive(folder: Path, settings: dict[str, Any]) -> Iterator[Log]:
    from dvclive.live import Live

    with Live(str(folder), report=None, save_dvc_exp=False, dvcyaml=None) as live:

        def log(step: int, metrics: dict[str, float]) -> None:
            live.step = step
            for name, value in metrics.items():
                live.log_metric(name, value)
            live.make_summary()

        yield log


@contextmanager
def _wandb(folder: Path, settings: dict[str, Any]) -> Iterator[Log]:
    import wandb

    folder.mkdir(parents=True, exist_ok=True)
    with wandb.init(project="mlx-reward", dir=str(folder), config=settings) as run:

        def log(step: int, metrics: dict[str, float]) -> None:
            run.log(metrics, step=step)

        yield log
