"""Reward models that share a backbone: the members of an ensemble, or one alone.

The mean over members is their reward, the deviation how unsure they are (Lakshminarayanan et al.
2017; for reward models Coste et al. 2023, "Reward Model Ensembles Help Mitigate Overoptimization").
"""

from collections.abc import Hashable, Sequence

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from mlx_reward.engine.engine import Engine
from mlx_reward.engine.features import FrozenFeatures
from mlx_reward.model.checkpoint import Tree
from mlx_reward.utils.progress import bar


class Ensemble:
    """Scores texts with each of ``members``, the trained weights of each as a tree.

    Each has a network of its own over the frozen arrays of ``engine``'s, so that several threads
    can score at once.
    """

    def __init__(self, engine: Engine, members: list[Tree]) -> None:
        self.members = members
        self.engines = [engine.with_weights(member) for member in members]

    def score(
        self,
        texts: Sequence[list[int]],
        prompts: Sequence[Hashable],
        what: str = "score",
        features: FrozenFeatures | None = None,
    ) -> NDArray[np.float64]:
        """Return rewards (K, N) of ``texts`` from each of K members, in their order.

        Frozen blocks run once for all members.
        """
        first = self.engines[0]
        if len(self.engines) == 1:
            return first.score(texts, prompts, what, features)[None]
        rewards = np.zeros((len(self.engines), len(texts)))
        shares_features = features is None and bool(texts) and first.can_reuse_features(texts[0])
        with bar(total=len(texts), what=what, unit="text") as progress:
            for batch in first.batches(texts, prompts):
                own, keys = [texts[i] for i in batch], [prompts[i] for i in batch]
                known = features.take(batch) if features else None
                if shares_features:
                    known = first.batch_features(own, keys)
                for k, engine in enumerate(self.engines):
                    rewards[k, batch] = np.array(engine.forward(own, keys, known))
                progress.update(len(batch))
        mx.clear_cache()
        return rewards


def mean_and_deviation(
    rewards: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (N,) mean and standard deviation over the members of rewards (K, N); 0 for one."""
    return rewards.mean(axis=0), rewards.std(axis=0)
