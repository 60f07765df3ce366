"""Curves of a run while it runs, for those who watch it: dvclive (`dvc plots`, DVC Studio, its VS Code extension) or wandb."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from mlx_reward.utils.errors import InputError

Log = Callable[[int, dict[str, float]], None]  # of a step and its figures
Kind = Literal["none", "dvclive", "wandb"]


def silent(_: int, __: dict[str, float]) -> None:
    """Log nothing."""


@contextmanager
def tracked(kind: Kind, folder: Path, settings: dict[str, Any]) -> Iterator[Log]:
    """A function that logs the figures of a step with ``kind``, whose files go to ``folder``; ``settings`` describe the run."""
    if kind == "none":
        yield silent
        return
    try:
        with {"dvclive": _dvclive, "wandb": _wandb}[kind](folder, settings) as log:
            yield log
    except ModuleNotFoundError as error:
        if error.name != kind:
            raise
        raise InputError(
            f"train.report_to: {kind} is not installed; pip install 'mlx-reward[{kind}]', or set it to none"
        ) from None


@contextmanager
def _dvclive(folder: Path, settings: dict[str, Any]) -> Iterator[Log]:
    from dvclive.live import Live

    with Live(str(folder), report=None, save_dvc_exp=False, dvcyaml=None) as live:

        def log(step: int, figures: dict[str, float]) -> None:
            live.step = step
            for name, value in figures.items():
                live.log_metric(name, value)
            live.make_summary()

        yield log


@contextmanager
def _wandb(folder: Path, settings: dict[str, Any]) -> Iterator[Log]:
    import wandb

    folder.mkdir(parents=True, exist_ok=True)
    with wandb.init(project="mlx-reward", dir=str(folder), config=settings) as run:
        yield lambda step, figures: run.log(figures, step=step)
