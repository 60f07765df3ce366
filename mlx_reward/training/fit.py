"""Train the members of an ensemble, or a single model, over the same frozen backbone."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from mlx_reward.config.train import TrainSettings
from mlx_reward.data.dataset import PreferenceDataset
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.ensemble import Ensemble, mean_and_deviation
from mlx_reward.engine.feature_store import Budget, frozen_features, left_of
from mlx_reward.engine.features import FrozenFeatures
from mlx_reward.model.checkpoint import Tree
from mlx_reward.model.network import twin_of
from mlx_reward.training.distributed import DataParallel
from mlx_reward.training.state import LogHistory, StateFile, trainable_weights
from mlx_reward.training.tracking import Log, silent
from mlx_reward.training.trainer import Features, train
from mlx_reward.utils.grouping import group_indices

SAMPLE = 256  # texts whose rewards give mean and std: the mean's standard error is std / 16


@dataclass(frozen=True)
class Fitted:
    """A trained ensemble, a log for each member, and mean and std of training texts' rewards."""

    ensemble: Ensemble
    log_histories: list[LogHistory]
    reward_mean: float
    reward_std: float

    def metrics(self) -> dict[str, Any]:
        """Return the first member's metrics for metrics/train.json, and the best of each."""
        metrics: dict[str, Any] = self.log_histories[0].metrics()
        if len(self.log_histories) > 1:
            metrics["members"] = {
                str(number): {"valid_nll": log.best.nll, "best_step": log.best.step}
                for number, log in enumerate(self.log_histories, 1)
            }
        return metrics

    def summary(self) -> str:
        """Return a line for each member."""
        bests = [log.best for log in self.log_histories]
        return "\n".join(
            f"best at step {best.step}: valid NLL {best.nll:.4f}, accuracy {best.accuracy:.4f}"
            for best in bests
        )


def fit(
    make_backbone: Callable[[], nn.Module],
    make_engine: Callable[[nn.Module], Engine],
    training: PreferenceDataset,
    valid: PreferenceDataset,
    settings: TrainSettings,
    *,
    backbone_digest: str,
    state_files: Sequence[StateFile],
    data_parallel: DataParallel,
    log: Log,
) -> Fitted:
    """Train a member for each of ``state_files``, one after the other; ``log`` hears the first.

    ``make_backbone`` loads the backbone with ``backbone_digest``, once; ``make_engine`` makes a new
    model to be trained out of it, or out of a twin over the same arrays. Member number n has the
    seed ``settings.seed + n``, of its initial weights and the order of its data. Frozen blocks run
    once for all members. Bradley-Terry leaves the mean reward open, so that of each of several
    members is shifted to 0: their deviation then shows only where they disagree.
    """
    sample_ids = sample_texts(training.prompts, settings.seed)
    sample = [training.texts[i] for i in sample_ids]

    mx.random.seed(settings.seed)
    backbone = make_backbone()
    engine = make_engine(_own(backbone, more_to_come=len(state_files) > 1))
    features = _frozen_features(engine, training, valid, settings, backbone_digest)
    sample_features = features.train.take(sample_ids) if features.train else None
    members: list[Tree] = []
    log_histories: list[LogHistory] = []
    for number, state_file in enumerate(state_files):
        seed = settings.seed + number
        if number > 0:
            mx.random.seed(seed)
            engine = make_engine(_own(backbone, more_to_come=number + 1 < len(state_files)))
        log_history = train(
            engine,
            training,
            valid,
            settings.model_copy(update={"seed": seed}),
            features=features,
            state_file=state_file,
            data_parallel=data_parallel,
            log=log if number == 0 else silent,
        )
        if len(state_files) > 1:
            rewards = engine.score(sample, "training rewards", sample_features)
            engine.network.shift(-float(rewards.mean()))
        members.append(trainable_weights(engine.network))
        log_histories.append(log_history)

    engine.network.update(members[0])  # the last member's; all have the same frozen weights
    ensemble = Ensemble(engine, members)
    scores = ensemble.score(sample, "training rewards", sample_features)
    rewards, _ = mean_and_deviation(scores)
    return Fitted(
        ensemble=ensemble,
        log_histories=log_histories,
        reward_mean=float(rewards.mean()),
        reward_std=float(rewards.std()),
    )


def sample_texts(prompts: Sequence[Hashable], seed: int) -> list[int]:
    """Return indices of at most SAMPLE texts, those of prompts drawn at random.

    ``prompts`` (N,) are the prompts of the texts. A few texts of each prompt share what they begin
    with, so they are quicker to score than as many texts of different prompts.
    """
    groups = list(group_indices(prompts).values())
    drawn = np.random.default_rng(seed).permutation(len(groups))[:SAMPLE]
    text_ids = [text_id for group in drawn for text_id in groups[group]]
    return text_ids[:SAMPLE]


def _own(backbone: nn.Module, more_to_come: bool) -> nn.Module:
    """Return a backbone for one member: a twin, so that the next finds ``backbone`` as it was.

    The last member takes ``backbone`` itself, whose own blocks need not be kept beside its own.
    """
    return twin_of(backbone) if more_to_come else backbone


def _frozen_features(
    engine: Engine,
    training: PreferenceDataset,
    valid: PreferenceDataset,
    settings: TrainSettings,
    backbone_digest: str,
) -> Features:
    """Return features of both sets, within one budget; train comes first, which is run most."""

    def of(dataset: PreferenceDataset, budget: Budget) -> FrozenFeatures | None:
        return frozen_features(engine, dataset.texts, budget, backbone_digest)

    budget = settings.frozen_cache
    of_training = of(training, budget)
    return Features(train=of_training, valid=of(valid, left_of(budget, of_training)))
