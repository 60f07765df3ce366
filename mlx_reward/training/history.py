"""What a training run shows of itself: losses, accuracies and evaluations, as figures and as a curve."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Evaluation:
    """Valid figures after ``step`` optimizer steps (temperature 1)."""

    step: int
    nll: float
    accuracy: float


@dataclass
class LogHistory:
    """Loss and accuracy of every optimizer step on its own batch, the evaluations on valid, and the steps left out because
    their loss or gradient was not finite.
    """

    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    skipped: int = 0
    skipped_in_a_row: int = 0

    @property
    def best(self) -> Evaluation:
        return min(self.evaluations, key=lambda e: e.nll)

    @property
    def since_best(self) -> int:
        """How many evaluations came after the best."""
        return len(self.evaluations) - 1 - self.evaluations.index(self.best)

    def figures(self) -> dict[str, float | int]:
        """Flat figures of the run, for metrics/train.json."""
        best = self.best
        return {
            "steps": len(self.losses),
            "steps_skipped": self.skipped,
            "best_step": best.step,
            "valid_nll": best.nll,
            "valid_accuracy": best.accuracy,
            "first_loss": self.losses[0],
            "last_loss": float(np.mean(self.losses[-20:])),
        }

    def curve(self) -> list[dict[str, float | int]]:
        """A row a step for plots: loss and accuracy, averaged over the last 20 steps."""
        return [{"step": i, **self._means(i)} for i in range(1, len(self.losses) + 1)]

    def _means(self, step: int) -> dict[str, float]:
        recent = slice(max(0, step - 20), step)
        return {
            "loss": float(np.mean(self.losses[recent])),
            "accuracy": float(np.mean(self.accuracies[recent])),
        }

    def latest(self, step: int) -> dict[str, float]:
        """What ``step`` showed, for who watches: the curve's row, and the evaluation if there was one."""
        means = self._means(min(step, len(self.losses))) if self.losses else {}
        found = {f"train/{name}": value for name, value in means.items()}
        for evaluation in (e for e in self.evaluations if e.step == step):
            found |= {"valid/nll": evaluation.nll, "valid/accuracy": evaluation.accuracy}
        return found

    def replay(self, log: Callable[[int, dict[str, float]], None]) -> None:
        """Tell ``log`` of all steps so far, as it would have heard had the run not been stopped."""
        for step in range(1, len(self.losses) + self.skipped + 1):
            log(step, self.latest(step))

    def summary(self) -> str:
        """For the progress bar."""
        recent = slice(-20, None)
        text = (
            f"loss {np.mean(self.losses[recent]):.3f}, accuracy {np.mean(self.accuracies[recent]):.3f}"
            if self.losses
            else ""
        )
        return f"{text}, valid {self.evaluations[-1].accuracy:.3f}" if self.evaluations else text
