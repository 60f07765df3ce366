"""Reward models that share a backbone: the members of an ensemble, or one alone.

The mean over members is their reward, the deviation how unsure they are (Lakshminarayanan et al.
2017; for reward models Coste et al. 2023, "Reward Model Ensembles Help Mitigate Overoptimization").
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.generate import wired_limit
from numpy.typing import NDArray

from mlx_reward.engine.engine import Engine
from mlx_reward.engine.features import FrozenFeatures
from mlx_reward.engine.prefix_groups import distinct
from mlx_reward.engine.worker import run_on_worker
from mlx_reward.model.checkpoint import Tree
from mlx_reward.utils.progress import bar

Texts = Sequence[list[int]]
Measure = Callable[[int, NDArray[np.float32]], NDArray[np.float64]]


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
    def digest(self) -> str:
        """A hash of the trained weights of all members."""
        digest = hashlib.sha256()
        for member in self.members:
            weights = dict(tree_flatten(member))
            for name in sorted(weights):
                digest.update(np.array(weights[name].astype(mx.float32)).tobytes())
        return digest.hexdigest()

    @property
    def batch_tokens(self) -> int:
        """About how many tokens fill a batch."""
        return self.engines[0].batch_tokens

    def score(
        self,
        texts: Texts,
        what: str = "score",
        features: FrozenFeatures | None = None,
    ) -> NDArray[np.float64]:
        """Return rewards (K, N) of ``texts`` from each of K members, in their order."""
        if len(self.engines) == 1:
            return self.engines[0].score(texts, what, features)[None]

        def rewards_alone(
            member: int, own: Texts, known: FrozenFeatures | None
        ) -> NDArray[np.float32]:
            return self.engines[member].batch_rewards(own, known)[:, None]

        return self._columns(texts, what, features, 1, rewards_alone)[..., 0]

    def score_and_measure(
        self, texts: Texts, measure: Measure, columns: int, what: str = "score"
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return rewards (K, N) and what ``measure`` makes of the head's inputs, (K, N, C).

        ``measure`` gets a member's number and the inputs (M, W) of a batch of its head's last
        linear layer, and returns (M, C), C being ``columns``: no text runs twice for it.
        """

        def both(member: int, own: Texts, known: FrozenFeatures | None) -> NDArray[np.float32]:
            rewards, inputs = self.engines[member].batch_head_inputs(own, known)
            return np.column_stack([rewards, measure(member, inputs)])

        found = self._columns(texts, what, None, 1 + columns, both)
        return found[..., 0], found[..., 1:]

    def _columns(
        self,
        texts: Texts,
        what: str,
        features: FrozenFeatures | None,
        columns: int,
        read: Callable[[int, Texts, FrozenFeatures | None], NDArray[np.float32]],
    ) -> NDArray[np.float64]:
        """Return (K, N, C), what ``read`` finds in each batch with each member.

        Frozen blocks run once for all members where they can.
        """
        first = self.engines[0]
        several = len(self.engines) > 1
        firsts, groups = distinct(texts)  # each different text is encoded once
        found = np.zeros((len(self.engines), len(texts), columns))
        batches = first.batches([texts[i] for i in firsts])
        shares_features = False
        if several and features is None and texts:
            shares_features = run_on_worker(lambda: first.can_reuse_features(texts[0]))

        def run(own: Texts, known: FrozenFeatures | None) -> NDArray[np.float32]:
            if shares_features:
                known = first.batch_features(own)
            return np.array([read(member, own, known) for member in range(len(self.engines))])

        progress_bar = bar(total=len(firsts), what=what, unit="text")
        with wired_limit(first.network), progress_bar as progress:
            for batch in batches:
                text_ids = [firsts[place] for place in batch]
                own = [texts[i] for i in text_ids]
                known = features.take(text_ids) if features else None
                found[:, text_ids] = run_on_worker(partial(run, own, known))
                progress.update(len(batch))
        mx.clear_cache()
        return found[:, [firsts[group] for group in groups]]


def mean_and_deviation(
    rewards: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (N,) mean and standard deviation over the members of rewards (K, N); 0 for one."""
    return rewards.mean(axis=0), rewards.std(axis=0)
