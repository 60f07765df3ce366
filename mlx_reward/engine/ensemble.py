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
from mlx_reward.engine.prefix_groups import distinct
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
        firsts, groups = distinct(texts)  # each different text is encoded once
        rewards = np.zeros((len(self.engines), len(texts)))
        batches = first.batches([texts[i] for i in firsts], [prompts[i] for i in firsts])
        shares_features = features is None and bool(texts) and first.can_reuse_features(texts[0])
        with bar(total=len(firsts), what=what, unit="text") as progress:
            for batch in batches:
                text_ids = [firsts[place] for place in batch]
                own, keys = [texts[i] for i in text_ids], [prompts[i] for i in text_ids]
                known = features.take(text_ids) if features else None
                if shares_features:
                    known = first.batch_features(own, keys)
                for k, engine in enumerate(self.engines):
                    rewards[k, text_ids] = np.array(engine.forward(own, keys, known))
                progress.update(len(batch))
        mx.clear_cache()
        return rewards[:, [firsts[group] for group in groups]]


def mean_and_deviation(
    rewards: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (N,) mean and standard deviation over the members of rewards (K, N); 0 for one."""
    return rewards.mean(axis=0), rewards.std(axis=0)
