"""Reward models that share a backbone: the members of an ensemble, or one alone.

The mean over members is their reward, the deviation how unsure they are (Lakshminarayanan et al. 2017; for reward models
Coste et al. 2023, "Reward Model Ensembles Help Mitigate Overoptimization").
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from mlx_reward.bundles import batches
from mlx_reward.frozen import FrozenStates, frozen_blocks
from mlx_reward.frozen_store import can_reuse
from mlx_reward.lanes import lanes, rewards, states_below
from mlx_reward.model import RewardNetwork
from mlx_reward.progress import bar
from mlx_reward.scoring import TOKENS, score

Tree = dict[str, Any]


@dataclass(frozen=True)
class Ensemble:
    """``members``: the trained weights of each, as trees for ``network.update``; the network holds those of the first."""

    network: RewardNetwork
    members: list[Tree]

    def score(
        self, texts: Sequence[list[int]], prompts: Sequence[Hashable], what: str = "score", below: FrozenStates | None = None
    ) -> NDArray[np.float64]:
        """Rewards (K, N) of the token ids ``texts`` from each member, in their order; frozen blocks run once for all."""
        if len(self.members) == 1:
            return score(self.network, texts, prompts, what, below)[None]
        self.network.eval()
        result = np.zeros((len(self.members), len(texts)))
        streams, shares = lanes(), bool(texts) and below is None and self._shares_below(texts[0])
        with bar(total=len(texts), what=what, unit="text") as progress:
            for batch in batches(texts, prompts, TOKENS, self.network.shares_prefix):
                own, keys = [texts[i] for i in batch], [prompts[i] for i in batch]
                states = below.take(batch) if below else None
                if shares:
                    states = FrozenStates.of_texts(states_below(self.network, own, keys, streams), own)
                for k, member in enumerate(self.members):
                    self.network.update(member)
                    result[k, batch] = np.array(rewards(self.network, own, keys, streams, states))
                progress.update(len(batch))
        self.network.update(self.members[0])
        mx.clear_cache()
        return result

    def _shares_below(self, text: list[int]) -> bool:
        reusable = frozen_blocks(self.network.backbone) > 0 and can_reuse(self.network, text)
        self.network.eval()
        return reusable


def mean_and_deviation(rewards: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) mean and standard deviation over the members of rewards (K, N); 0 for one member."""
    return rewards.mean(axis=0), rewards.std(axis=0)
