"""Reward models that share a backbone: the members of an ensemble, or one alone.

The mean over members is their reward, the deviation how unsure they are (Lakshminarayanan et al. 2017; for reward models
Coste et al. 2023, "Reward Model Ensembles Help Mitigate Overoptimization").
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from mlx_reward.engine.engine import Engine
from mlx_reward.engine.features import FrozenFeatures
from mlx_reward.engine.runner import evaluation_mode
from mlx_reward.model.checkpoint import Tree
from mlx_reward.utils.progress import bar


@dataclass(frozen=True)
class Ensemble:
    """``members``: the trained weights of each, as trees for ``network.update``; the network holds those of the first."""

    engine: Engine
    members: list[Tree]

    def score(
        self,
        texts: Sequence[list[int]],
        prompts: Sequence[Hashable],
        what: str = "score",
        features: FrozenFeatures | None = None,
    ) -> NDArray[np.float64]:
        """Return rewards (K, N) of ``texts`` from each member, in their order; frozen blocks run once for all."""
        if len(self.members) == 1:
            return self.engine.score(texts, prompts, what, features)[None]
        network = self.engine.network
        rewards = np.zeros((len(self.members), len(texts)))
        reuses = bool(texts) and features is None and self._can_reuse_features(texts[0])
        with evaluation_mode(network), bar(total=len(texts), what=what, unit="text") as progress:
            for batch in self.engine.batches(texts, prompts):
                own, keys = [texts[i] for i in batch], [prompts[i] for i in batch]
                known = features.take(batch) if features else None
                if reuses:
                    known = self.engine.batch_features(own, keys)
                for k, member in enumerate(self.members):
                    network.update(member)
                    rewards[k, batch] = np.array(self.engine.forward(own, keys, known))
                progress.update(len(batch))
        network.update(self.members[0])
        mx.clear_cache()
        return rewards

    def _can_reuse_features(self, text: list[int]) -> bool:
        return self.engine.frozen_blocks > 0 and self.engine.can_reuse_features(text)


def mean_and_deviation(
    rewards: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (N,) mean and standard deviation over the members of rewards (K, N); 0 for one member."""
    return rewards.mean(axis=0), rewards.std(axis=0)
