"""Tokenized pairs: texts that differ, and which of them each pair compares.

A text that stands in many pairs is encoded once. Ouyang et al. 2022 (InstructGPT), section 3.5,
train all comparisons of a prompt as one element for the same reason.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlx_reward.data.chat import Rendered, Renderer, TooLong
from mlx_reward.data.pair import Pair

PairIds = NDArray[np.int64]  # (P,) indices into PreferenceDataset.pairs, as of a batch


@dataclass(frozen=True)
class PreferenceDataset:
    """P pairs between N different texts.

    ``texts``: the token ids of each text, prompt and response together.
    ``prompts``: (N,) the prompt key of each text.
    ``chosen``, ``rejected``: (P,) indices into ``texts``.
    ``pairs``: (P,) the rows.
    ``cut``: how many texts lost part of their prompt.
    ``dropped``: ids of the pairs that did not fit at all, which are not among ``pairs``.
    """

    texts: list[list[int]]
    prompts: list[str]
    chosen: NDArray[np.int64]
    rejected: NDArray[np.int64]
    pairs: list[Pair]
    cut: int
    dropped: list[str]

    def margins(self, rewards: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return r_chosen - r_rejected (P,) from the rewards (N,) of the texts."""
        return rewards[self.chosen] - rewards[self.rejected]

    def warnings(self) -> list[str]:
        """Return a line about pairs that were dropped, if any."""
        if not self.dropped:
            return []
        count = len(self.dropped)
        ids = ", ".join(self.dropped)
        return [f"{count} pairs dropped, a response is over max_seq_length: {ids}"]

    def counts(self) -> dict[str, int]:
        """Return flat counts for a metrics file."""
        return {
            "pairs": len(self.pairs),
            "texts": len(self.texts),
            "tokens": sum(len(text) for text in self.texts),
            "prompts_cut": self.cut,
            "pairs_dropped": len(self.dropped),
        }


def tokenize(pairs: Iterable[Pair], renderer: Renderer) -> PreferenceDataset:
    """Render every different text once.

    Pairs with a response that alone is over the renderer's limit are dropped; their ids are listed,
    and their other text is none of the data set where no other pair has it.
    """
    known: dict[tuple[str, str], Rendered] = {}  # by prompt key and response, as all below
    text_ids: dict[tuple[str, str], int] = {}  # of kept pairs
    chosen: list[int] = []
    rejected: list[int] = []
    kept: list[Pair] = []
    dropped: list[str] = []

    for pair in pairs:
        prompt = pair.prompt_key
        both = [(prompt, pair.chosen), (prompt, pair.rejected)]
        try:
            for text in both:
                if text not in known:
                    known[text] = renderer.render(pair.prompt, text[1])
        except TooLong:
            dropped.append(pair.id)
            continue
        chosen_id, rejected_id = (text_ids.setdefault(text, len(text_ids)) for text in both)
        chosen.append(chosen_id)
        rejected.append(rejected_id)
        kept.append(pair)
    rendered = [known[text] for text in text_ids]
    return PreferenceDataset(
        texts=[text.tokens for text in rendered],
        prompts=[prompt for prompt, _ in text_ids],
        chosen=np.array(chosen, dtype=np.int64),
        rejected=np.array(rejected, dtype=np.int64),
        pairs=kept,
        cut=sum(text.cut for text in rendered),
        dropped=dropped,
    )


@dataclass(frozen=True)
class Batch:
    """P pairs between M different texts.

    ``texts``: (M,) indices into PreferenceDataset.texts.
    ``chosen``, ``rejected``: (P,) indices into ``texts`` of this batch.
    ``pair_ids``: (P,) indices into PreferenceDataset.pairs.
    """

    texts: NDArray[np.int64]
    chosen: NDArray[np.int64]
    rejected: NDArray[np.int64]
    pair_ids: PairIds


def collate(dataset: PreferenceDataset, pair_ids: PairIds) -> Batch:
    """Return the pairs ``pair_ids`` (P,) and the different texts that they compare.

    Example: pairs between the texts (7, 3) and (7, 9) become texts [3, 7, 9], chosen [1, 1] and
    rejected [0, 2].
    """
    both = np.concatenate([dataset.chosen[pair_ids], dataset.rejected[pair_ids]])
    texts, indices = np.unique(both, return_inverse=True)
    return Batch(
        texts=texts,
        chosen=indices[: len(pair_ids)],
        rejected=indices[len(pair_ids) :],
        pair_ids=pair_ids,
    )
