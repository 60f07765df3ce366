"""What is in the pairs: figures for metrics/data.json."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import krippendorff
import numpy as np

from mlx_reward.data.gather import Gathered
from mlx_reward.data.pair import Pair

Figures = dict[str, int | float]


class DataStats:
    """Counts over a stream of pairs; remembers a digest of every different prompt and the votes."""

    def __init__(self) -> None:
        self.subsets: Counter[str] = Counter()
        self._prompts: set[bytes] = set()
        self._agreement, self._with_agreement = 0.0, 0
        self._longer_wins = 0.0
        self._characters: Counter[str] = Counter()
        self._pairs = 0

    def watch(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """The same pairs, counted as they pass."""
        for pair in pairs:
            self._add(pair)
            yield pair

    def figures(self) -> Figures:
        """Means over all pairs; what no row says is left out."""
        found: Figures = {
            "pairs": self._pairs,
            "prompts": len(self._prompts),
            "subsets": len(self.subsets),
            "longer_wins": self._longer_wins / max(self._pairs, 1),
            "chosen_characters_mean": self._characters["chosen"] / max(self._pairs, 1),
            "rejected_characters_mean": self._characters["rejected"] / max(self._pairs, 1),
        }
        if self._with_agreement:
            found["agreement_mean"] = self._agreement / self._with_agreement
        return found

    def _add(self, pair: Pair) -> None:
        self._pairs += 1
        self._prompts.add(hashlib.blake2b(pair.prompt_key.encode(), digest_size=8).digest())
        self.subsets[pair.subset or "(none)"] += 1
        self._characters["chosen"] += len(pair.chosen)
        self._characters["rejected"] += len(pair.rejected)
        self._longer_wins += 0.5 * (
            (len(pair.chosen) > len(pair.rejected)) + (len(pair.chosen) >= len(pair.rejected))
        )
        if pair.agreement is not None:
            self._agreement += pair.agreement
            self._with_agreement += 1


def agreement_figures(votes: "np.ndarray[Any, np.dtype[np.int64]]") -> Figures:
    """Krippendorff's alpha (nominal) of ``votes`` (V, 2), counts for two responses whose order does not depend on them.

    Nothing where no two judges met on a pair, or all said the same. Source: Krippendorff, Content Analysis, 2004, ch. 11.
    """
    counts = votes[votes.sum(axis=1) >= 2]
    if not len(counts) or (counts.sum(axis=0) == 0).any():
        return {}
    alpha = krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
    return {"pairs_with_votes": len(counts), "krippendorff_alpha": float(alpha)}


def set_aside_figures(found: Gathered) -> dict[str, int]:
    """How many rows came in, and how many of what were set aside."""
    kinds = Counter[str]()
    for (kind, _), count in found.reasons.items():
        kinds[kind] += count
    names = {"ties": "tie", "duplicates": "duplicate", "contradictions": "contradiction"}
    return {"rows": found.rows, "rows_bad": found.bad_rows} | {
        name: kinds[kind] for name, kind in names.items()
    }
