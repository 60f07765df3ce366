"""What training minimises on a set of pairs: the losses that the settings ask for, with the pairs' own labels and targets."""

from collections.abc import Sequence
from dataclasses import dataclass

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from mlx_reward.config.train import LossSettings
from mlx_reward.data.dataset import Batch
from mlx_reward.data.pair import Pair
from mlx_reward.training.losses import bradley_terry, centering, plackett_luce, smoothed
from mlx_reward.utils.errors import InputError


@dataclass(frozen=True)
class Objective:
    """``labels`` and ``targets`` (P,) of all pairs: the judges' share for chosen, and how far it shall be ahead.

    ``listwise``: a response is compared with all of the batch that it was preferred to at once.
    """

    listwise: bool
    labels: NDArray[np.float32]
    targets: NDArray[np.float32]
    smoothing: float
    centering: float

    def __call__(self, rewards: mx.array, batch: Batch) -> mx.array:
        """The loss, a mean over pairs, for rewards (M,) of the texts of ``batch``."""
        chosen, rejected = rewards[mx.array(batch.chosen)], rewards[mx.array(batch.rejected)]
        loss = (
            self._listwise(chosen, rejected, batch)
            if self.listwise
            else self._pairwise(chosen - rejected, batch)
        )
        return loss + self.centering * centering(chosen, rejected) if self.centering else loss

    def _pairwise(self, margins: mx.array, batch: Batch) -> mx.array:
        labels = smoothed(mx.array(self.labels[batch.pair_ids]), self.smoothing)
        return bradley_terry(margins - mx.array(self.targets[batch.pair_ids]), labels)

    def _listwise(self, chosen: mx.array, rejected: mx.array, batch: Batch) -> mx.array:
        winners, choices = np.unique(batch.chosen, return_inverse=True)
        return plackett_luce(chosen, rejected, mx.array(choices), len(winners))


def objective(pairs: Sequence[Pair], settings: LossSettings) -> Objective:
    """For training on ``pairs``. InputError where a margin is asked for and no pair tells its strength."""
    if settings.kind == "plackett_luce" and (
        settings.soft_labels or settings.label_smoothing or settings.margin
    ):
        raise InputError(
            "train.loss: soft_labels, label_smoothing and margin are of pairs; set kind to bradley_terry, or these to 0"
        )
    strengths = [pair.preference_strength for pair in pairs]
    if settings.margin and all(s is None for s in strengths):
        raise InputError(
            "train.loss.margin: no pair has a preference_strength to make a margin of; set it to 0"
        )
    return Objective(
        settings.kind == "plackett_luce",
        np.array([pair.label if settings.soft_labels else 1.0 for pair in pairs], dtype=np.float32),
        np.array([settings.margin * (s or 0.0) for s in strengths], dtype=np.float32),
        settings.label_smoothing,
        settings.centering,
    )
