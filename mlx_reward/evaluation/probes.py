"""Probes: small edits of test pairs whose right order is known, to see which fool the model.

There are two kinds. A *spoiled* probe sets a chosen response against a copy made worse, or no
better (padded, cut off, shuffled...): the model is fooled where it rewards the copy more. A
*dressed* probe makes the rejected response more tempting (flattery, confidence, markup...) and
leaves the chosen one: the model is fooled where it was right before and is wrong after. The edits
are those of data/edits, in wordings that are never trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlx_reward.data.edits.families import Prompt, dressed, spoiled
from mlx_reward.data.pair import Pair


@dataclass(frozen=True)
class Probe:
    """A pair of responses whose right order is known, made of the pair whose id is ``pair``.

    The model is fooled where ``worse`` gets the higher reward. Where ``before``, the rejected
    response unedited, got it too, the probe does not count.
    """

    name: str
    pair: str
    cluster: str
    prompt: Prompt
    better: str
    worse: str
    before: str | None = None


def probes(pairs: Sequence[Pair], count: int, seed: int = 0) -> list[Probe]:
    """Return probes on at most ``count`` pairs of as many different prompts, drawn by ``seed``."""
    rng = np.random.default_rng(seed)
    firsts = list({pair.prompt_key: pair for pair in pairs}.values())
    drawn = [firsts[i] for i in rng.permutation(len(firsts))[:count]]
    found = []
    for i, pair in enumerate(drawn):
        other = drawn[(i + 1) % len(drawn)]
        for name, worse in spoiled(pair, other, rng).items():
            found.append(_probe(name, pair, pair.prompt, worse))
        for name, (prompt, worse) in dressed(pair, rng).items():
            found.append(_probe(name, pair, prompt, worse, before=pair.rejected))
    return found


def _probe(name: str, pair: Pair, prompt: Prompt, worse: str, before: str | None = None) -> Probe:
    return Probe(name, pair.id, pair.cluster_key, prompt, pair.chosen, worse, before)
