"""Pairs as different texts plus comparisons between them, so that a text that stands in many pairs is encoded once.

Ouyang et al. 2022 (InstructGPT), section 3.5, train all comparisons of a prompt as one element for the same reason.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlx_reward.data.chat import Rendered, Renderer, TooLong
from mlx_reward.data.pair import Pair

Members = NDArray[np.int64]  # (P,) indices into PreferenceDataset.pairs, as of a batch


@dataclass(frozen=True)
class PreferenceDataset:
    """``texts``: token ids of N different texts; ``prompts``: (N,) which prompt each answers; ``chosen``, ``rejected``: (P,)
    indices into them; ``pairs``: (P,) rows. ``cut`` texts lost part of their prompt; ``dropped`` pairs did not fit at all.
    """

    texts: list[list[int]]
    prompts: list[str]
    chosen: NDArray[np.int64]
    rejected: NDArray[np.int64]
    pairs: list[Pair]
    cut: int
    dropped: list[str]

    def margins(self, rewards: NDArray[np.float64]) -> NDArray[np.float64]:
        """(P,) r_chosen - r_rejected from the (N,) rewards of the texts."""
        return rewards[self.chosen] - rewards[self.rejected]

    def warnings(self) -> list[str]:
        """A line about pairs that were dropped, if any."""
        if not self.dropped:
            return []
        return [
            f"{len(self.dropped)} pairs dropped, a response is over max_seq_length: {', '.join(self.dropped)}"
        ]

    def counts(self) -> dict[str, int]:
        """Flat counts for a metrics file."""
        return {
            "pairs": len(self.pairs),
            "texts": len(self.texts),
            "tokens": sum(map(len, self.texts)),
            "prompts_cut": self.cut,
            "pairs_dropped": len(self.dropped),
        }


def tokenize(pairs: Iterable[Pair], renderer: Renderer) -> PreferenceDataset:
    """Render every different text once. Pairs with a response that alone is too long are dropped; their ids are listed."""
    index: dict[tuple[str, str], int] = {}
    rendered: list[Rendered] = []
    kept: list[tuple[int, int, Pair]] = []
    dropped: list[str] = []

    def text(pair: Pair, response: str) -> int:
        key = (pair.prompt_key, response)
        if key not in index:
            rendered.append(renderer.render(pair.prompt, response))
            index[key] = len(index)
        return index[key]

    for pair in pairs:
        try:
            kept.append((text(pair, pair.chosen), text(pair, pair.rejected), pair))
        except TooLong:
            dropped.append(pair.id)
    chosen, rejected = (np.array([k[i] for k in kept], dtype=np.int64) for i in (0, 1))
    prompts = [prompt for prompt, _ in index]
    return PreferenceDataset(
        [r.tokens for r in rendered],
        prompts,
        chosen,
        rejected,
        [k[2] for k in kept],
        sum(r.cut for r in rendered),
        dropped,
    )


@dataclass(frozen=True)
class Batch:
    """P comparisons over M texts. ``texts``: (M,) indices into PreferenceDataset.texts; ``chosen``, ``rejected``: (P,) into these;
    ``members``: the comparisons.
    """

    texts: NDArray[np.int64]
    chosen: NDArray[np.int64]
    rejected: NDArray[np.int64]
    members: Members


def collate(comparisons: PreferenceDataset, members: Members) -> Batch:
    """The comparisons ``members`` and the different texts that they are between."""
    both = np.concatenate([comparisons.chosen[members], comparisons.rejected[members]])
    texts, inverse = np.unique(both, return_inverse=True)
    return Batch(texts, inverse[: len(members)], inverse[len(members) :], members)
