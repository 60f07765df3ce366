"""What training minimises on a set of pairs: the losses that the settings ask for, with the pairs' own labels and targets."""

from collections.abc import Sequence
from dataclasses import dataclass

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from mlx_reward.errors import InputError
from mlx_reward.losses import bradley_terry, centering, smoothed
from mlx_reward.preferences import Pair
from mlx_reward.settings.train import LossSettings


@dataclass(frozen=True)
class Objective:
    """``labels`` and ``targets`` (P,) of all pairs: the judges' share for chosen, and how far it shall be ahead."""

    labels: NDArray[np.float32]
    targets: NDArray[np.float32]
    smoothing: float
    centering: float

    def __call__(self, chosen: mx.array, rejected: mx.array, members: NDArray[np.int64]) -> mx.array:
        """The loss, a mean over pairs, for rewards (Q,) of the pairs ``members`` (Q,)."""
        labels = smoothed(mx.array(self.labels[members]), self.smoothing)
        loss = bradley_terry(chosen - rejected - mx.array(self.targets[members]), labels)
        return loss + self.centering * centering(chosen, rejected) if self.centering else loss


def objective(pairs: Sequence[Pair], settings: LossSettings) -> Objective:
    """For training on ``pairs``. InputError where a margin is asked for and no pair tells its strength."""
    strengths = [pair.preference_strength for pair in pairs]
    if settings.margin and all(s is None for s in strengths):
        raise InputError("train.loss.margin: no pair has a preference_strength to make a margin of; set it to 0")
    return Objective(
        np.array([pair.label if settings.soft_labels else 1.0 for pair in pairs], dtype=np.float32),
        np.array([settings.margin * (s or 0.0) for s in strengths], dtype=np.float32),
        settings.label_smoothing,
        settings.centering,
    )
