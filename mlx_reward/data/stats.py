"""What is in the pairs: the metrics of metrics/data.json."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import krippendorff
import numpy as np

from mlx_reward.data.gather import Gathered
from mlx_reward.data.pair import Pair

Metrics = dict[str, int | float]


class DataStats:
    """Counts over a stream of pairs; remembers a digest of every different prompt."""

    def __init__(self) -> None:
        self.subsets: Counter[str] = Counter()
        self._pairs = 0
        self._prompts: set[bytes] = set()
        self._longer_wins = 0.0
        self._chosen_characters = 0
        self._rejected_characters = 0
        self._agreement = 0.0
        self._with_agreement = 0

    def count(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Yield ``pairs`` again, each counted as it passes."""
        for pair in pairs:
            self._add(pair)
            yield pair

    def metrics(self) -> Metrics:
        """Return counts, and means over all pairs; ``agreement_mean`` only where rows carry any."""
        pairs = max(self._pairs, 1)
        found: Metrics = {
            "pairs": self._pairs,
            "prompts": len(self._prompts),
            "subsets": len(self.subsets),
            "longer_wins": self._longer_wins / pairs,
            "chosen_characters_mean": self._chosen_characters / pairs,
            "rejected_characters_mean": self._rejected_characters / pairs,
        }
        if self._with_agreement:
            found["agreement_mean"] = self._agreement / self._with_agreement
        return found

    def _add(self, pair: Pair) -> None:
        chosen = len(pair.chosen)
        rejected = len(pair.rejected)
        self._pairs += 1
        self._prompts.add(hashlib.blake2b(pair.prompt_key.encode(), digest_size=8).digest())
        self.subsets[pair.subset or "(none)"] += 1
        self._chosen_characters += chosen
        self._rejected_characters += rejected
        self._longer_wins += 0.5 if chosen == rejected else float(chosen > rejected)
        if pair.agreement is not None:
            self._agreement += pair.agreement
            self._with_agreement += 1


def agreement_metrics(votes: "np.ndarray[Any, np.dtype[np.int64]]") -> Metrics:
    """Return Krippendorff's alpha (nominal) of ``votes`` (I, 3), and how many items it is of.

    The votes are counts for two responses, in an order that does not depend on the votes, and for
    neither of them. Nothing is returned where no two judges met on an item, or all said the same.
    Source: Krippendorff, Content Analysis, 2004, ch. 11.
    """
    counts = votes[votes.sum(axis=1) >= 2]
    if len(counts) == 0 or (counts.sum(axis=0) > 0).sum() < 2:
        return {}
    alpha = krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
    return {"pairs_with_votes": len(counts), "krippendorff_alpha": float(alpha)}


def set_aside_counts(gathered: Gathered) -> dict[str, int]:
    """Return how many rows came in, and how many rows and pairs were set aside, by kind."""
    kinds = Counter[str]()
    for (kind, _), count in gathered.reasons.items():
        kinds[kind] += count
    return {
        "rows": gathered.rows,
        "rows_bad": kinds["bad"],
        "rows_contradictory": kinds["contradictory"],
        "ties": kinds["tie"],
        "duplicates": kinds["duplicate"],
        "contradictions": kinds["contradiction"],
    }
