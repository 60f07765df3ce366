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

TOKENS = 4096  # a batch, over all streams: best of 1,024 to 8,192 on two cores
SAMPLE = 256  # the mean of so many rewards is known to 6 % of their deviation


def score(
    model: RewardNetwork,
    texts: Sequence[list[int]],
    prompts: Sequence[Hashable],
    what: str = "score",
    below: FrozenStates | None = None,
) -> NDArray[np.float64]:
    """Rewards (N,) of the token ids ``texts``, in their order. Texts with the same prompt share it. Dropout is off.

    ``below`` holds what the frozen blocks make of them, where that is known.
    """
    was_training = model.training
    model.eval()
    streams = lanes()
    result = np.zeros(len(texts))
    with bar(total=len(texts), what=what, unit="text") as progress:
        for batch in batches(texts, prompts, TOKENS, model.shares_prefix):
            states = below.take(batch) if below else None
            found = rewards(model, [texts[i] for i in batch], [prompts[i] for i in batch], streams, states)
            result[batch] = np.array(found)
            progress.update(len(batch))
    model.train(was_training)
    mx.clear_cache()
    return result


def mean_and_deviation(
    model: RewardNetwork, texts: Sequence[list[int]], prompts: Sequence[Hashable], seed: int, below: FrozenStates | None
) -> tuple[float, float]:
    """Mean and standard deviation of the rewards of at most ``SAMPLE`` of ``texts``, of prompts drawn by ``seed``."""
    members: dict[Hashable, list[int]] = {}
    for i, prompt in enumerate(prompts):
        members.setdefault(prompt, []).append(i)
    groups = list(members.values())
    drawn = [i for g in np.random.default_rng(seed).permutation(len(groups))[:SAMPLE] for i in groups[g]][:SAMPLE]
    states = below.take(drawn) if below else None
    sample = score(model, [texts[i] for i in drawn], [prompts[i] for i in drawn], "training rewards", states)
    return float(sample.mean()), float(sample.std())
