"""The state of a training run, and the file that keeps it so that an interrupted run resumes."""

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten

from mlx_reward.model.checkpoint import Tree
from mlx_reward.training.step import StepResult
from mlx_reward.utils import tensors
from mlx_reward.utils.files import whole_file

# The rooms whose code decides the result of a run, besides those of engine.fingerprint.
TRAINING = ("config", "data", "evaluation", "training")
SMOOTHED_STEPS = 20  # over which curves average loss and accuracy


@dataclass(frozen=True)
class Evaluation:
    """NLL, accuracy and mean margin on valid after ``step`` optimizer steps, at temperature 1.

    The NLL is under labels such as training minimises.
    """

    step: int
    nll: float
    accuracy: float
    margin: float = 0.0


@dataclass
class LogHistory:
    """What a run has logged: lists with a number for each step, and the evaluations.

    A step is skipped where its loss or gradient is not finite; no list has a number of it.
    """

    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    skipped: int = 0
    skipped_in_a_row: int = 0
    margins: list[float] = field(default_factory=list)
    grad_norms: list[float] = field(default_factory=list)
    learning_rates: list[float] = field(default_factory=list)

    @property
    def best(self) -> Evaluation:
        """The evaluation with the lowest NLL; one that is NaN only where all are."""
        return min(self.evaluations, key=lambda e: (math.isnan(e.nll), e.nll))

    @property
    def since_best(self) -> int:
        """The number of evaluations after the best one."""
        return len(self.evaluations) - 1 - self.evaluations.index(self.best)

    def add_step(self, result: StepResult) -> None:
        """Log a step that updated the model."""
        self.losses.append(result.loss)
        self.accuracies.append(result.accuracy)
        self.margins.append(result.margin)
        self.grad_norms.append(result.grad_norm)
        self.learning_rates.append(result.learning_rate)
        self.skipped_in_a_row = 0

    def add_skipped(self) -> None:
        """Log a step that was skipped."""
        self.skipped += 1
        self.skipped_in_a_row += 1

    def metrics(self) -> dict[str, float | int]:
        """Return the metrics of the run for metrics/train.json."""
        best = self.best
        return {
            "steps": len(self.losses),
            "steps_skipped": self.skipped,
            "best_step": best.step,
            "valid_nll": best.nll,
            "valid_accuracy": best.accuracy,
            "first_loss": self.losses[0],
            "last_loss": float(np.mean(self.losses[-SMOOTHED_STEPS:])),
        }

    def curve(self) -> list[dict[str, float | int]]:
        """Return a row for each step for plots, in the names of TRL's logs.

        All but the learning rate are averaged over 20 steps.
        """
        return [{"step": step, **self._means(step)} for step in range(1, len(self.losses) + 1)]

    def evaluation_curve(self) -> list[dict[str, float | int]]:
        """Return a row for each evaluation for plots, but for those whose NLL is not finite."""
        finite = [e for e in self.evaluations if math.isfinite(e.nll)]
        return [dataclasses.asdict(evaluation) for evaluation in finite]

    def latest(self, step: int) -> dict[str, float]:
        """Return what to log of ``step``: its row of the curve, and its evaluation, if any."""
        logged: dict[str, float] = {}
        if self.losses:
            means = self._means(min(step, len(self.losses)))
            logged = {f"train/{name}": value for name, value in means.items()}
        for evaluation in self.evaluations:
            if evaluation.step == step:
                logged["valid/nll"] = evaluation.nll
                logged["valid/accuracy"] = evaluation.accuracy
                logged["valid/margin"] = evaluation.margin
        return logged

    def replay(self, log: Callable[[int, dict[str, float]], None]) -> None:
        """Call ``log`` for all steps so far, for a tracker that a resumed run starts anew."""
        for step in range(1, len(self.losses) + self.skipped + 1):
            log(step, self.latest(step))

    def progress_text(self) -> str:
        """Return recent loss and accuracy for the progress bar."""
        text = ""
        if self.losses:
            means = self._means(len(self.losses))
            text = f"loss {means['loss']:.3f}, accuracy {means['accuracy']:.3f}"
        if self.evaluations:
            text = f"{text}, valid {self.evaluations[-1].accuracy:.3f}"
        return text

    def _means(self, step: int) -> dict[str, float]:
        recent = slice(max(0, step - SMOOTHED_STEPS), step)
        logged = {
            "loss": self.losses[recent],
            "accuracy": self.accuracies[recent],
            "margin": self.margins[recent],
            "grad_norm": self.grad_norms[recent],
            "learning_rate": self.learning_rates[step - 1 : step],
        }
        return {name: float(np.mean(values)) for name, values in logged.items() if values}


@dataclass(frozen=True)
class TrainerState:
    """A run after ``step`` optimizer steps: the trained weights, the best of them, and the log.

    The order of the data and the random numbers of each step follow from the seed and the step.
    """

    step: int
    log_history: LogHistory
    weights: Tree
    best_weights: Tree
    optimizer_state: Tree


@dataclass(frozen=True)
class StateFile:
    """A safetensors file with the state of one run; its metadata hold the step and the log.

    ``fingerprint`` is a digest of all that decides the run's result: a state saved under another
    one belongs to another run and is not loaded.
    """

    path: Path
    fingerprint: str

    def save(self, state: TrainerState) -> None:
        """Replace the file as a whole, so that a crash leaves the earlier state."""
        arrays = {
            **_flatten("weights", state.weights),
            **_flatten("best", state.best_weights),
            **_flatten("optimizer", state.optimizer_state),
        }
        metadata = {
            "fingerprint": self.fingerprint,
            "step": str(state.step),
            "log_history": json.dumps(dataclasses.asdict(state.log_history)),
        }
        with whole_file(self.path) as temporary:
            tensors.save(temporary, arrays, metadata)

    def load(self) -> TrainerState | None:
        """Return the saved state, or None where there is none of this run."""
        if not self.path.exists():
            return None
        loaded: Any = mx.load(str(self.path), format="safetensors", return_metadata=True)
        arrays, metadata = loaded
        if metadata.get("fingerprint") != self.fingerprint:
            return None
        mx.eval(arrays)  # arrays load lazily, and save replaces the file
        return TrainerState(
            step=int(metadata["step"]),
            log_history=_read_log_history(metadata["log_history"]),
            weights=_unflatten("weights", arrays),
            best_weights=_unflatten("best", arrays),
            optimizer_state=_unflatten("optimizer", arrays),
        )

    def clear(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


def trainable_weights(network: nn.Module) -> Tree:
    """Return a copy of the trainable parameters, as a tree for ``network.update``."""
    parameters: Any = tree_flatten(network.trainable_parameters())
    copies = [(name, mx.array(value)) for name, value in parameters]
    mx.eval(copies)
    return dict(tree_unflatten(copies))


def _read_log_history(text: str) -> LogHistory:
    fields = json.loads(text)
    evaluations = [Evaluation(**evaluation) for evaluation in fields.pop("evaluations")]
    return LogHistory(evaluations=evaluations, **fields)


def _flatten(kind: str, tree: Tree) -> dict[str, mx.array]:
    leaves: Any = tree_flatten(tree)
    return {f"{kind}.{name}": value for name, value in leaves}


def _unflatten(kind: str, arrays: dict[str, mx.array]) -> Tree:
    prefix = f"{kind}."
    leaves = [
        (name.removeprefix(prefix), value)
        for name, value in arrays.items()
        if name.startswith(prefix)
    ]
    return dict(tree_unflatten(sorted(leaves)))
