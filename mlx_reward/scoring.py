"""Rewards of many texts: sorted by length into batches of bounded size, each text encoded once."""

from collections.abc import Hashable, Sequence

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from mlx_reward.bundles import batches
from mlx_reward.frozen import FrozenStates
from mlx_reward.lanes import lanes, rewards
from mlx_reward.model import RewardNetwork
from mlx_reward.progress import bar
from mlx_reward.ranks import ALONE, Ranks

TOKENS = 4096  # a batch, over all streams: best of 1,024 to 8,192 on two cores
SAMPLE = 256  # the mean of so many rewards is known to 6 % of their deviation


def score(
    model: RewardNetwork,
    texts: Sequence[list[int]],
    prompts: Sequence[Hashable],
    what: str = "score",
    below: FrozenStates | None = None,
    ranks: Ranks = ALONE,
) -> NDArray[np.float64]:
    """Rewards (N,) of the token ids ``texts``, in their order. Texts with the same prompt share it. Dropout is off.

    ``below`` holds what the frozen blocks make of them, where that is known. Every one of ``ranks`` gets all rewards.
    """
    was_training = model.training
    model.eval()
    streams = lanes()
    result = np.zeros(len(texts), dtype=np.float32)
    with bar(total=len(texts), what=what, unit="text") as progress:
        for batch in ranks.deal(batches(texts, prompts, TOKENS, model.shares_prefix)):
            states = below.take(batch) if below else None
            found = rewards(model, [texts[i] for i in batch], [prompts[i] for i in batch], streams, states)
            result[batch] = np.array(found)
            progress.update(len(batch) * ranks.size)
    model.train(was_training)
    mx.clear_cache()
    return np.array(ranks.total(mx.array(result)), dtype=np.float64)


def sample(prompts: Sequence[Hashable], seed: int) -> list[int]:
    """At most ``SAMPLE`` texts, of prompts drawn by ``seed``; ``prompts`` (N,) are those of the texts."""
    members: dict[Hashable, list[int]] = {}
    for i, prompt in enumerate(prompts):
        members.setdefault(prompt, []).append(i)
    groups = list(members.values())
    return [i for g in np.random.default_rng(seed).permutation(len(groups))[:SAMPLE] for i in groups[g]][:SAMPLE]
