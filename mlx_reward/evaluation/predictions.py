"""What a calibrated model says of the test split, from which every metric is computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlx_reward.evaluation import length_bias
from mlx_reward.evaluation.calibration_null import MIN_PAIRS, CalibrationNull, calibration_null
from mlx_reward.evaluation.calibrator import Calibrator
from mlx_reward.evaluation.ranking import Group, groups_of
from mlx_reward.evaluation.risk_control import Promises
from mlx_reward.utils.arrays import Array

if TYPE_CHECKING:  # it imports transformers, for which stage report need not wait
    from mlx_reward.data.dataset import PreferenceDataset

Row = dict[str, float | int | str | None]


@dataclass(frozen=True)
class Predictions:
    """Rewards of the N texts of ``test``, and what else the metrics of its P pairs need.

    ``rewards`` is (N,), ``bins`` the number of bins of ECE. Of an ensemble of K models,
    ``member_rewards`` is (K, N) and ``member_calibrators`` has one for each. ``baseline_margins``
    (P,) are those of a bag of words; ``valid_margins`` are margins on the valid split, a list for
    each cluster, ``valid_accuracy`` is the accuracy there, and ``promises`` are tested on a part of
    them. ``distances`` (N,) are those from the training texts. ``judge_ties`` and
    ``judge_contradictions`` count, in all splits, what the judges did not decide. Metrics of what
    is None are left out.
    """

    test: "PreferenceDataset"
    rewards: Array
    calibrator: Calibrator
    bins: int
    member_rewards: Array | None = None
    member_calibrators: tuple[Calibrator, ...] = ()
    baseline_margins: Array | None = None
    valid_margins: Sequence[Sequence[float]] | None = None
    valid_accuracy: float | None = None
    promises: Promises | None = None
    distances: Array | None = None
    judge_ties: int | None = None
    judge_contradictions: int | None = None

    @cached_property
    def margins(self) -> Array:
        """r_chosen - r_rejected, (P,)."""
        return self.test.margins(self.rewards)

    @cached_property
    def logits(self) -> Array:
        """Calibrated log-odds that the chosen response is better, (P,)."""
        return self.calibrator(self.margins)

    @cached_property
    def clusters(self) -> list[str]:
        """The cluster of each pair, (P,): what intervals and tests take as one observation."""
        return [pair.cluster_key for pair in self.test.pairs]

    @cached_property
    def null(self) -> CalibrationNull | None:
        """What a perfectly calibrated model would show; None under MIN_PAIRS pairs."""
        if len(self.logits) < MIN_PAIRS:
            return None
        return calibration_null(self.logits, self.clusters, self.bins)

    @cached_property
    def groups(self) -> list[Group]:
        """The rankings of three or more responses to a prompt."""
        return [group for group in self._linked_responses if group.is_ranking]

    @property
    def sparse_groups(self) -> int:
        """How many more are linked by too few comparisons to say how they rank."""
        return len(self._linked_responses) - len(self.groups)

    @cached_property
    def _linked_responses(self) -> list[Group]:
        return groups_of(self.test, self.rewards)

    @cached_property
    def chosen_is_best(self) -> NDArray[np.bool_]:
        """Which pairs have a chosen response that loses no pair of its prompt, (P,)."""
        pairs = self.test.pairs
        losers = {(pair.prompt_key, pair.rejected) for pair in pairs}
        return np.array([(pair.prompt_key, pair.chosen) not in losers for pair in pairs])

    @cached_property
    def chosen_lengths(self) -> Array:
        """Characters of the chosen responses, (P,)."""
        return np.array([len(pair.chosen) for pair in self.test.pairs], float)

    @cached_property
    def rejected_lengths(self) -> Array:
        """Characters of the rejected responses, (P,)."""
        return np.array([len(pair.rejected) for pair in self.test.pairs], float)

    @cached_property
    def length_gain(self) -> Array:
        """Characters by which the chosen responses are longer, (P,)."""
        return self.chosen_lengths - self.rejected_lengths

    @cached_property
    def length_matched(self) -> NDArray[np.bool_]:
        """Which pairs have responses of nearly equal length, (P,)."""
        return length_bias.matched(self.chosen_lengths, self.rejected_lengths)


def reward_rows(predictions: Predictions, deviations: Array) -> list[Row]:
    """Return the rows of checkpoints/test_rewards.jsonl, one a pair, for comparing runs.

    ``deviations`` (N,) are those of the rewards; all 0 where they are not known.
    """
    test, rewards = predictions.test, predictions.rewards
    rows: list[Row] = []
    for index, pair in enumerate(test.pairs):
        chosen, rejected = test.chosen[index], test.rejected[index]
        row: Row = {
            "id": pair.id,
            "prompt": pair.prompt_key,
            "cluster": pair.cluster_key,
            "subset": pair.subset or "(none)",
            **({"defect": pair.defect} if pair.defect is not None else {}),
            "reward_chosen": float(rewards[chosen]),
            "reward_rejected": float(rewards[rejected]),
        }
        if deviations.any():
            row["uncertainty_chosen"] = float(deviations[chosen])
            row["uncertainty_rejected"] = float(deviations[rejected])
        row["logit"] = float(predictions.logits[index])
        rows.append(row)
    return rows
