"""Extra pairs by edits: what is trained on, what is not, and that they are the same each time."""

import numpy as np
import pytest

from mlx_reward.data.edits.augment import (
    DRESSED_TRAINED,
    SPOILED_TRAINED,
    TRAINED_FAMILIES,
    augmented,
)
from mlx_reward.data.edits.families import DRESSED, HELD_OUT_FAMILIES, SPOILED, dressed, spoiled
from mlx_reward.data.edits.wordings import HELD_OUT, PROBED, TRAINED
from mlx_reward.data.pair import Pair


def ranked(count: int) -> list[Pair]:
    """All pairs of three responses a prompt, with what judges said of them."""
    return [
        Pair(
            prompt=f"What about {n}?",
            chosen=f"{chosen} answer number {n}. It has three sentences. Here is the last one.",
            rejected=f"{rejected} answer number {n}. It has three sentences. Here is the last one.",
            id=f"{n}-{chosen}-{rejected}",
            cluster=f"cluster {n}",
            votes=[2, 1],
            preference_strength=1.0,
        )
        for n in range(count)
        for chosen, rejected in (("best", "middle"), ("best", "worst"), ("middle", "worst"))
    ]


def test_no_wording_and_no_family_is_in_both_sets() -> None:
    assert TRAINED.keys() == PROBED.keys()
    for family, wordings in TRAINED.items():
        assert len(wordings) >= 5, family
        assert not set(wordings) & set(PROBED[family]), family
    assert not HELD_OUT.keys() & TRAINED.keys()
    assert (SPOILED.keys() | DRESSED.keys()) == set(TRAINED_FAMILIES) | HELD_OUT_FAMILIES
    assert not set(TRAINED_FAMILIES) & HELD_OUT_FAMILIES
    assert len(SPOILED_TRAINED) >= 8
    assert len(DRESSED_TRAINED) >= 3


def test_extra_pairs_hold_training_wordings_alone() -> None:
    texts = " ".join(p.chosen + p.rejected for p in augmented(ranked(30), 5.0, seed=0))
    for wordings in (*PROBED.values(), *HELD_OUT.values()):
        assert not any(wording.split("{")[0].strip() in texts for wording in wordings)
    used = [w for ws in TRAINED.values() for w in ws if w.split("{")[0].strip() in texts]
    assert len(used) > 0.9 * sum(map(len, TRAINED.values()))


def test_each_is_a_plain_preference_between_a_response_and_an_edited_one() -> None:
    pairs = ranked(20)
    extra = augmented(pairs, 0.5, seed=0)
    assert 0.8 * 30 <= len(extra) <= 30
    assert len({pair.id for pair in [*pairs, *extra]}) == len(pairs) + len(extra)
    known = {(pair.prompt, text) for pair in pairs for text in (pair.chosen, pair.rejected)}
    spoiled_ones = 0
    for pair in extra:
        assert (pair.prompt, pair.chosen) in known
        assert (pair.votes, pair.preference_strength, pair.label) == (None, None, 1.0)
        assert pair.cluster is not None
        spoiled_ones += pair.chosen.startswith("best")
        if pair.chosen.startswith("middle"):  # spoiled copies are of a prompt's best response
            assert "worst" in pair.rejected
    assert spoiled_ones > len(extra) / 2


def test_the_same_seed_makes_the_same_pairs_and_another_seed_others() -> None:
    pairs = ranked(20)
    assert augmented(pairs, 0.7, seed=3) == augmented(pairs, 0.7, seed=3)
    assert augmented(pairs, 0.7, seed=3) != augmented(pairs, 0.7, seed=4)
    assert augmented(pairs, 0.0, seed=3) == []


@pytest.mark.parametrize("prompt", ["Why?", [{"role": "user", "content": "Why?"}]])
def test_one_short_pair_alone_can_be_edited(prompt: str | list[dict[str, str]]) -> None:
    pair = Pair(prompt=prompt, chosen="a", rejected="b", id="1")
    assert augmented([pair], 3.0, seed=0)
    rng = np.random.default_rng(0)
    assert "truncation" not in spoiled(pair, pair, rng)
    assert dressed(pair, rng)["markdown"][1] == "## Answer\n\n- **b**"
