"""What a training run shows of itself: losses, accuracies and evaluations, as figures and as a curve."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Evaluation:
    """Valid figures after ``step`` optimizer steps (temperature 1)."""

    step: int
    nll: float
    accuracy: float


@dataclass
class History:
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
        recent = [slice(max(0, i - 19), i + 1) for i in range(len(self.losses))]
        return [
            {"step": i, "loss": float(np.mean(self.losses[r])), "accuracy": float(np.mean(self.accuracies[r]))}
            for i, r in enumerate(recent, 1)
        ]

    def summary(self) -> str:
        """For the progress bar."""
        recent = slice(-20, None)
        text = (
            f"loss {np.mean(self.losses[recent]):.3f}, accuracy {np.mean(self.accuracies[recent]):.3f}" if self.losses else ""
        )
        return f"{text}, valid {self.evaluations[-1].accuracy:.3f}" if self.evaluations else text
