"""Extra pairs for training: the chosen response against a spoiled copy of it, and against a dressed
rejected one.

They are made before training, from the seed, so that an interrupted run finds the same ones again.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from mlx_reward.data.edits.families import DRESSED, HELD_OUT_FAMILIES, SPOILED, phrases
from mlx_reward.data.pair import Pair
from mlx_reward.utils.grouping import group_indices

SPOILED_TRAINED = tuple(name for name in SPOILED if name not in HELD_OUT_FAMILIES)
DRESSED_TRAINED = tuple(name for name in DRESSED if name not in HELD_OUT_FAMILIES)
TRAINED_FAMILIES = SPOILED_TRAINED + DRESSED_TRAINED
DRESSED_SHARE = 0.5  # of the extra pairs


def augmented(pairs: Sequence[Pair], share: float, seed: int) -> list[Pair]:
    """Return about ``share`` times as many extra pairs as there are ``pairs``.

    Each is of a prompt drawn anew once all have had their turn, and of a family drawn by lot with a
    wording drawn by lot. Spoiled copies are of a chosen response that loses no pair of its prompt,
    for of a bad answer hardly any edit is worse.
    """
    rng = np.random.default_rng(seed)
    prompts = [
        [pairs[i] for i in ids] for ids in group_indices(p.prompt_key for p in pairs).values()
    ]
    found: list[Pair] = []
    turns: list[int] = []
    for _ in range(round(share * len(pairs))):
        turns = turns or rng.permutation(len(prompts)).tolist()
        of_prompt = prompts[turns.pop()]
        if len(prompts) == 1 or rng.random() < DRESSED_SHARE:
            extra = _dressed(of_prompt, rng)
        else:
            other = _other(prompts, of_prompt, rng)
            extra = _spoiled(of_prompt, other, rng)
        if extra is not None:
            found.append(dataclasses.replace(extra, id=f"{extra.id}+edit-{len(found)}"))
    return found


def _other(prompts: list[list[Pair]], of_prompt: list[Pair], rng: np.random.Generator) -> Pair:
    """Return a pair of another prompt."""
    place = int(rng.integers(len(prompts) - 1))
    others = prompts[place] if prompts[place] is not of_prompt else prompts[-1]
    return others[int(rng.integers(len(others)))]


def _spoiled(of_prompt: list[Pair], other: Pair, rng: np.random.Generator) -> Pair | None:
    """Return a best response of the prompt against a spoiled copy; None where both are equal."""
    losers = {pair.rejected for pair in of_prompt}
    best = [pair for pair in of_prompt if pair.chosen not in losers] or of_prompt
    pair = best[int(rng.integers(len(best)))]
    family = SPOILED_TRAINED[int(rng.integers(len(SPOILED_TRAINED)))]
    worse = SPOILED[family](pair, other, phrases(training=True, rng=rng), rng)
    return None if worse == pair.chosen else _edited(pair, pair.chosen, worse)


def _dressed(of_prompt: list[Pair], rng: np.random.Generator) -> Pair | None:
    """Return a pair of the prompt with its rejected response dressed up."""
    pair = of_prompt[int(rng.integers(len(of_prompt)))]
    family = DRESSED_TRAINED[int(rng.integers(len(DRESSED_TRAINED)))]
    _, worse = DRESSED[family](pair, phrases(training=True, rng=rng))
    return None if worse == pair.chosen else _edited(pair, pair.chosen, worse)


def _edited(pair: Pair, chosen: str, rejected: str) -> Pair:
    """Return a plain preference; what judges said of the unedited pair does not hold for it."""
    return Pair(
        prompt=pair.prompt,
        chosen=chosen,
        rejected=rejected,
        id=pair.id,
        group=pair.group,
        cluster=pair.cluster,
        subset=pair.subset,
    )
