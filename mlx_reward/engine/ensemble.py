"""Reward models that share a backbone: the members of an ensemble, or one alone.

The mean over members is their reward, the deviation how unsure they are (Lakshminarayanan et al.
2017; for reward models Coste et al. 2023, "Reward Model Ensembles Help Mitigate Overoptimization").
"""

from collections.abc import Sequence
from functools import partial

import mlx.core as mx
import numpy as np
from mlx_lm.generate import wired_limit
from numpy.typing import NDArray

from mlx_reward.engine.engine import Engine
from mlx_reward.engine.features import FrozenFeatures
from mlx_reward.engine.prefix_groups import distinct
from mlx_reward.engine.worker import run_on_worker
from mlx_reward.model.checkpoint import Tree
from mlx_reward.utils.progress import bar


class Ensemble:
    """Scores texts with each of ``members``, the trained weights of each as a tree.

    Each has a network of its own over the frozen arrays of ``engine``'s, so that several threads
    can score at once. One alone has its adapters merged; several would each hold a copy of all
    weights that are adapted.
    """

    def __init__(self, engine: Engine, members: list[Tree]) -> None:
        self.members = members
        alone = len(members) == 1
        self.engines = [engine.with_weights(member, merge=alone) for member in members]

    @property
    def batch_tokens(self) -> int:
        """About how many tokens fill a batch."""
        return self.engines[0].batch_tokens

    def score(
        self,
        texts: Sequence[list[int]],
        what: str = "score",
        features: FrozenFeatures | None = None,
    ) -> NDArray[np.float64]:
        """Return rewards (K, N) of ``texts`` from each of K members, in their order.

        Frozen blocks run once for all members.
        """
        first = self.engines[0]
        if len(self.engines) == 1:
            return first.score(texts, what, features)[None]
        firsts, groups = distinct(texts)  # each different text is encoded once
        rewards = np.zeros((len(self.engines), len(texts)))
        batches = first.batches([texts[i] for i in firsts])
        shares_features = False
        if features is None and texts:
            shares_features = run_on_worker(lambda: first.can_reuse_features(texts[0]))
        progress_bar = bar(total=len(firsts), what=what, unit="text")
        with wired_limit(first.network), progress_bar as progress:
            for batch in batches:
                text_ids = [firsts[place] for place in batch]
                own = [texts[i] for i in text_ids]
                known = features.take(text_ids) if features else None
                rewards[:, text_ids] = run_on_worker(
                    partial(self._batch_rewards, own, known, shares_features)
                )
                progress.update(len(batch))
        mx.clear_cache()
        return rewards[:, [firsts[group] for group in groups]]

    def _batch_rewards(
        self, texts: Sequence[list[int]], features: FrozenFeatures | None, share_features: bool
    ) -> NDArray[np.float32]:
        """Return rewards (K, M) of a batch of texts; frozen blocks run once where they can."""
        if share_features:
            features = self.engines[0].batch_features(texts)
        return np.array([engine.batch_rewards(texts, features) for engine in self.engines])


def mean_and_deviation(
    rewards: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (N,) mean and standard deviation over the members of rewards (K, N); 0 for one."""
    return rewards.mean(axis=0), rewards.std(axis=0)
