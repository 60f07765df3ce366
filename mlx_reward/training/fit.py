"""Fit the members of an ensemble, or one model alone, one after the other over the same backbone."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import numpy as np

from mlx_reward.config.train import TrainSettings
from mlx_reward.data.dataset import PreferenceDataset
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.ensemble import Ensemble, mean_and_deviation
from mlx_reward.engine.feature_store import frozen_features
from mlx_reward.engine.features import FrozenFeatures
from mlx_reward.model.checkpoint import Tree
from mlx_reward.training.distributed import DataParallel
from mlx_reward.training.history import LogHistory
from mlx_reward.training.state import StateFile
from mlx_reward.training.tracking import Log, silent
from mlx_reward.training.trainer import Frozen, train, trainable
from mlx_reward.utils.grouping import group_indices

SAMPLE = 256  # the mean of so many rewards is known to 6 % of their deviation


@dataclass(frozen=True)
class Fitted:
    """``mean`` and ``deviation`` of the rewards of training responses; a history for each member."""

    ensemble: Ensemble
    histories: list[LogHistory]
    mean: float
    deviation: float

    def figures(self) -> dict[str, Any]:
        """Those of the first member's run, for metrics/train.json; of each, where there are several."""
        runs = {
            str(n): {"valid_nll": h.best.nll, "best_step": h.best.step}
            for n, h in enumerate(self.histories, 1)
        }
        return self.histories[0].figures() | ({"members": runs} if len(runs) > 1 else {})

    def summary(self) -> str:
        """A line for each member."""
        lines = (
            f"best at step {h.best.step}: valid NLL {h.best.nll:.4f}, accuracy {h.best.accuracy:.4f}"
            for h in self.histories
        )
        return "\n".join(lines)


def fit(
    build: Callable[[], Engine],
    backbone: str,
    training: PreferenceDataset,
    valid: PreferenceDataset,
    settings: TrainSettings,
    resumes: list[StateFile],
    ranks: DataParallel,
    log: Log,
) -> Fitted:
    """Train a model for each of ``resumes``, each with its own seed: initial weights and order of the data.

    ``build`` makes a new one over the backbone with the digest ``backbone``, whose frozen blocks run once for all. Where there
    are several, the rewards of each are shifted to a mean of zero, which Bradley-Terry leaves open, so that their deviation
    does not show it.
    """
    drawn = sample(training.prompts, settings.seed)
    texts, prompts = [training.texts[i] for i in drawn], [training.prompts[i] for i in drawn]
    frozen, members, histories = None, list[Tree](), list[LogHistory]()
    for number, resume in enumerate(resumes):
        own = settings.model_copy(update={"seed": settings.seed + number})
        mx.random.seed(own.seed)
        engine = build()
        network = engine.network
        frozen = frozen or Frozen(
            *(_below(engine, side, settings, backbone) for side in (training, valid))
        )
        histories.append(
            train(
                engine, training, valid, own, frozen, resume, ranks, log if number == 0 else silent
            )
        )
        below = frozen.training.take(drawn) if frozen.training else None
        if len(resumes) > 1:
            rewards = Ensemble(engine, [trainable(network)]).score(
                texts, prompts, "training rewards", below
            )
            network.shift(-float(rewards.mean()))
        members.append(trainable(network))
    network.update(members[0])
    ensemble = Ensemble(engine, members)
    rewards, _ = mean_and_deviation(ensemble.score(texts, prompts, "training rewards", below))
    return Fitted(ensemble, histories, float(rewards.mean()), float(rewards.std()))


def _below(
    engine: Engine, side: PreferenceDataset, settings: TrainSettings, backbone: str
) -> FrozenFeatures | None:
    return frozen_features(engine, side.texts, side.prompts, settings.frozen_cache, backbone)


def sample(prompts: Sequence[Hashable], seed: int) -> list[int]:
    """Return at most SAMPLE texts, of prompts drawn by ``seed``; ``prompts`` (N,) are those of the texts."""
    groups = list(group_indices(prompts).values())
    return [
        i for g in np.random.default_rng(seed).permutation(len(groups))[:SAMPLE] for i in groups[g]
    ][:SAMPLE]
