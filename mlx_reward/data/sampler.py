"""The batches of an epoch: comparisons that share texts together, so that each batch has few texts to encode."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from mlx_reward.data.dataset import Members, PreferenceDataset

Left = dict[
    int, dict[int, list[int]]
]  # of each text, the comparisons with each other text that are in no batch yet


def batch_sampler(
    comparisons: PreferenceDataset, batch_size: int, rng: np.random.Generator
) -> Iterator[Members]:
    """(P,) indices of all comparisons once, ``batch_size`` a batch (the last may be smaller), in an order drawn from ``rng``.

    A batch is of one prompt and between few texts, as far as the prompt has as many comparisons; what each prompt has left
    over is put together. The optimizer sees as many comparisons a step as with independent pairs.
    """
    prompts: dict[str, list[int]] = {}
    for i, pair in enumerate(comparisons.pairs):
        prompts.setdefault(pair.prompt_key, []).append(i)
    ordered = (
        _dense(comparisons, np.array(members), batch_size, rng) for members in prompts.values()
    )
    blocks = [
        m[start : start + batch_size] for m in ordered for start in range(0, len(m), batch_size)
    ]
    waiting = np.zeros(0, dtype=np.int64)
    for i in rng.permutation(len(blocks)):
        if len(blocks[i]) == batch_size:
            yield blocks[i]
            continue
        waiting = np.concatenate([waiting, blocks[i]])
        if len(waiting) >= batch_size:
            yield waiting[:batch_size]
            waiting = waiting[batch_size:]
    if len(waiting):
        yield waiting


def _dense(
    comparisons: PreferenceDataset, members: Members, batch_size: int, rng: np.random.Generator
) -> Members:
    """``members``, comparisons of one prompt, ordered so that every ``batch_size`` of them in a row are between few texts.

    Greedy: a batch takes in one text after the other, next the one with most comparisons to those it has, and among equals
    the one that ``rng`` prefers.
    """
    texts = np.unique([comparisons.chosen[members], comparisons.rejected[members]]).tolist()
    luck = dict(zip(texts, rng.permutation(len(texts)).tolist(), strict=True))
    if len(members) <= batch_size:
        return members[np.argsort(rng.random(len(members)))]
    left: Left = {}
    for i in members.tolist():
        first, second = int(comparisons.chosen[i]), int(comparisons.rejected[i])
        same = left.setdefault(first, {}).setdefault(second, [])
        left.setdefault(second, {})[first] = same
        same.append(i)
    order: list[int] = []
    while left:
        order += _batch(left, luck, batch_size)
    return np.array(order, dtype=np.int64)


def _batch(left: Left, luck: dict[int, int], room: int) -> list[int]:
    """Take ``room`` comparisons out of ``left``, or all."""
    inside: set[int] = set()
    found: list[int] = []
    while left and len(found) < room:
        reach = Counter(other for text in inside & left.keys() for other in left[text])
        degrees = reach or {text: len(others) for text, others in left.items()}
        text = max(degrees, key=lambda t: (degrees[t], luck[t]))
        for other in sorted(inside & left[text].keys(), key=luck.__getitem__):
            same = left[text][other]
            while same and len(found) < room:
                found.append(same.pop())
            if not same:
                _forget(left, text, other)
        inside.add(text)
    return found


def _forget(left: Left, first: int, second: int) -> None:
    """They have no more comparisons between them."""
    for text, other in {
        (first, second),
        (second, first),
    }:  # one, where a text is compared with itself
        del left[text][other]
        if not left[text]:
            del left[text]
