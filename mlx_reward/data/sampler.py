"""The batches of an epoch: pairs that share texts come together, so that a batch has few texts."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from mlx_reward.data.dataset import PairIds, PreferenceDataset
from mlx_reward.utils.grouping import group_indices


def batch_sampler(
    dataset: PreferenceDataset, batch_size: int, rng: np.random.Generator
) -> Iterator[PairIds]:
    """Yield (P,) indices of pairs, P = ``batch_size`` but for the last batch; each pair once.

    A batch holds pairs of one prompt as far as there are enough of them, chosen so that they are
    between few texts; what is left over of each prompt is put together. Their order is drawn from
    ``rng``. The optimizer sees as many pairs a step as with independent pairs.

    Example: texts A, B, C and D answer one prompt, and all 6 pairs between them are known. With
    ``batch_size`` 3, one batch is AB, AC, BC (3 texts to encode) and the other AD, BD, CD (4),
    or the same with the letters exchanged. Three pairs drawn at random may need 4 texts each time.
    """
    prompts = group_indices(pair.prompt_key for pair in dataset.pairs)
    chunks: list[PairIds] = []
    for pair_ids in prompts.values():
        ordered = _order_by_shared_texts(dataset, np.array(pair_ids), batch_size, rng)
        chunks += [ordered[i : i + batch_size] for i in range(0, len(ordered), batch_size)]
    left_over = np.zeros(0, dtype=np.int64)
    for i in rng.permutation(len(chunks)):
        if len(chunks[i]) == batch_size:
            yield chunks[i]
            continue
        left_over = np.concatenate([left_over, chunks[i]])
        if len(left_over) >= batch_size:
            yield left_over[:batch_size]
            left_over = left_over[batch_size:]
    if len(left_over):
        yield left_over


def _order_by_shared_texts(
    dataset: PreferenceDataset, pair_ids: PairIds, batch_size: int, rng: np.random.Generator
) -> PairIds:
    """Order the pairs of one prompt so that each ``batch_size`` in a row are between few texts."""
    chosen = dataset.chosen[pair_ids]
    rejected = dataset.rejected[pair_ids]
    texts = np.unique([chosen, rejected]).tolist()
    priority = dict(zip(texts, rng.permutation(len(texts)).tolist(), strict=True))
    if len(pair_ids) <= batch_size:
        return pair_ids[np.argsort(rng.random(len(pair_ids)))]
    remaining = _RemainingPairs()
    for pair_id, first, second in zip(
        pair_ids.tolist(), chosen.tolist(), rejected.tolist(), strict=True
    ):
        remaining.add(pair_id, first, second)
    order: list[int] = []
    while remaining.neighbours:
        order += _take_batch(remaining, priority, batch_size)
    return np.array(order, dtype=np.int64)


class _RemainingPairs:
    """The pairs of one prompt that are in no batch yet, as a graph.

    Texts are its nodes. An edge joins two texts that pairs compare, whichever of them is chosen;
    ``pair_ids`` are the pairs of each edge, ``neighbours`` the other ends of a text's edges. Edges
    without pairs and texts without edges are removed.
    """

    def __init__(self) -> None:
        self.pair_ids: dict[tuple[int, int], list[int]] = {}
        self.neighbours: dict[int, set[int]] = {}

    def add(self, pair_id: int, first: int, second: int) -> None:
        """Add a pair between the texts ``first`` and ``second``."""
        self.pair_ids.setdefault(_edge(first, second), []).append(pair_id)
        self.neighbours.setdefault(first, set()).add(second)
        self.neighbours.setdefault(second, set()).add(first)

    def take(self, first: int, second: int, limit: int) -> list[int]:
        """Remove and return at most ``limit`` pairs between two texts, the last added first."""
        waiting = self.pair_ids[_edge(first, second)]
        taken = [waiting.pop() for _ in range(min(limit, len(waiting)))]
        if not waiting:
            self._remove_edge(first, second)
        return taken

    def _remove_edge(self, first: int, second: int) -> None:
        del self.pair_ids[_edge(first, second)]
        self.neighbours[first].discard(second)
        self.neighbours[second].discard(first)
        for text in {first, second}:
            if not self.neighbours[text]:
                del self.neighbours[text]


def _edge(first: int, second: int) -> tuple[int, int]:
    return min(first, second), max(first, second)


def _take_batch(remaining: _RemainingPairs, priority: dict[int, int], batch_size: int) -> list[int]:
    """Remove ``batch_size`` pairs, or all if there are fewer, and return them.

    Greedy: the batch grows by one text after the other, and takes each text's pairs with the texts
    that it already has.
    """
    texts: set[int] = set()
    batch: list[int] = []
    while remaining.neighbours and len(batch) < batch_size:
        text = _next_text(remaining, texts, priority)
        for other in sorted(texts & remaining.neighbours[text], key=priority.__getitem__):
            batch += remaining.take(text, other, batch_size - len(batch))
        texts.add(text)
    return batch


def _next_text(remaining: _RemainingPairs, texts: set[int], priority: dict[int, int]) -> int:
    """Return the text that is compared with most of ``texts``; of equals, that of most priority.

    Where none is compared with any of them, as at the beginning of a batch, it is the text with the
    most neighbours.
    """
    links = Counter(neighbour for text in texts for neighbour in remaining.neighbours.get(text, ()))
    if not links:
        links.update({text: len(others) for text, others in remaining.neighbours.items()})
    return max(links, key=lambda text: (links[text], priority[text]))
