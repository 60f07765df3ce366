"""Fit the members of an ensemble, or one model alone, one after the other over the same backbone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

from mlx_reward.comparisons import Comparisons
from mlx_reward.ensemble import Ensemble, Tree, mean_and_deviation
from mlx_reward.frozen import FrozenStates
from mlx_reward.frozen_store import frozen_states
from mlx_reward.history import History
from mlx_reward.model import RewardNetwork
from mlx_reward.ranks import Ranks
from mlx_reward.resume import Resume
from mlx_reward.scoring import sample
from mlx_reward.settings.train import TrainSettings
from mlx_reward.tracking import Log, silent
from mlx_reward.training import Frozen, train, trainable


@dataclass(frozen=True)
class Fitted:
    """``mean`` and ``deviation`` of the rewards of training responses; a history for each member."""

    ensemble: Ensemble
    histories: list[History]
    mean: float
    deviation: float

    def figures(self) -> dict[str, Any]:
        """Those of the first member's run, for metrics/train.json; of each, where there are several."""
        runs = {str(n): {"valid_nll": h.best.nll, "best_step": h.best.step} for n, h in enumerate(self.histories, 1)}
        return self.histories[0].figures() | ({"members": runs} if len(runs) > 1 else {})

    def summary(self) -> str:
        """A line for each member."""
        lines = (
            f"best at step {h.best.step}: valid NLL {h.best.nll:.4f}, accuracy {h.best.accuracy:.4f}" for h in self.histories
        )
        return "\n".join(lines)


def fit(
    build: Callable[[], RewardNetwork],
    backbone: str,
    training: Comparisons,
    valid: Comparisons,
    settings: TrainSettings,
    resumes: list[Resume],
    ranks: Ranks,
    log: Log,
) -> Fitted:
    """Train a model for each of ``resumes``, each with its own seed: initial weights and order of the data.

    ``build`` makes a new one over the backbone with the digest ``backbone``, whose frozen blocks run once for all. Where there
    are several, the rewards of each are shifted to a mean of zero, which Bradley-Terry leaves open, so that their deviation
    does not show it.
    """
    drawn = sample(training.prompts, settings.seed)
    texts, prompts = [training.texts[i] for i in drawn], [training.prompts[i] for i in drawn]
    frozen, members, histories = None, list[Tree](), list[History]()
    for number, resume in enumerate(resumes):
        own = settings.model_copy(update={"seed": settings.seed + number})
        mx.random.seed(own.seed)
        network = build()
        frozen = frozen or Frozen(*(_below(network, side, settings, backbone) for side in (training, valid)))
        histories.append(train(network, training, valid, own, frozen, resume, ranks, log if number == 0 else silent))
        below = frozen.training.take(drawn) if frozen.training else None
        if len(resumes) > 1:
            rewards = Ensemble(network, [trainable(network)]).score(texts, prompts, "training rewards", below)
            network.shift(-float(rewards.mean()))
        members.append(trainable(network))
    network.update(members[0])
    ensemble = Ensemble(network, members)
    rewards, _ = mean_and_deviation(ensemble.score(texts, prompts, "training rewards", below))
    return Fitted(ensemble, histories, float(rewards.mean()), float(rewards.std()))


def _below(network: RewardNetwork, side: Comparisons, settings: TrainSettings, backbone: str) -> FrozenStates | None:
    return frozen_states(network, side.texts, side.prompts, settings.frozen_cache, backbone)
