"""Probes edit as little as they say; a model that loves length is fooled by padding."""

from collections.abc import Sequence

import numpy as np
import pytest

from mlx_reward.data.chat import Renderer
from mlx_reward.data.edits.families import dressed, spoiled
from mlx_reward.data.edits.wordings import HELD_OUT, PROBED
from mlx_reward.data.pair import Pair
from mlx_reward.evaluation.probes import probes
from mlx_reward.evaluation.robustness import robustness
from tests import tiny

PAIR = Pair(
    prompt="Why?",
    chosen="Because it rains a lot here. It does. Every single day.",
    rejected="No idea. None.",
    id="1",
)
OTHER = Pair(prompt="When?", chosen="At noon, or so.", rejected="Never.", id="2")
RENDERER = Renderer(tiny.tokenizer(), 900)


def test_edits_are_what_they_are_called() -> None:
    found = spoiled(PAIR, OTHER, np.random.default_rng(0))
    assert found["padding"].removeprefix(PAIR.chosen) in PROBED["padding"]
    assert found["truncation"] == "Because it rains a lot"
    assert sorted(found["shuffled_sentences"].split()) == sorted(PAIR.chosen.split())
    assert found["shuffled_sentences"] != PAIR.chosen
    assert sorted(found["typos"]) == sorted(PAIR.chosen) != found["typos"]
    assert found["other_question"] == OTHER.chosen
    prompt, worse = dressed(PAIR, np.random.default_rng(0))["agreeing_with_a_wrong_claim"]
    assert prompt == "Why?\n\nI think the answer is this: No idea. None."
    assert worse.removesuffix(PAIR.rejected) in HELD_OUT["agreeing_with_a_wrong_claim"]
    messages = Pair(prompt=[{"role": "user", "content": "Why?"}], chosen="a", rejected="b", id="3")
    assert dressed(messages, np.random.default_rng(0))["agreeing_with_a_wrong_claim"][0] == [
        {"role": "user", "content": "Why?\n\nI think the answer is this: b"}
    ]


def test_short_responses_have_no_truncation_and_no_sentences_to_shuffle() -> None:
    found = spoiled(OTHER, PAIR, np.random.default_rng(0))
    assert not {"truncation", "shuffled_sentences"} & found.keys()
    alone = probes([PAIR], 5)
    assert "other_question" not in {probe.name for probe in alone}  # there is no other


def by_length(texts: Sequence[list[int]]) -> np.ndarray:
    return np.array([len(text) for text in texts], dtype=float)


def test_who_loves_length_is_fooled_by_more_of_it() -> None:
    found, examples = robustness(probes([PAIR, OTHER], 2), RENDERER, by_length)
    ends = {"fooled_low": None, "fooled_high": None}  # of two prompts
    assert found["padding"] == {
        "fooled": 1.0,
        **ends,
        "fooled_p": 1.0,
        "probes": 2,
        "trained": False,
    }
    assert found["truncation"]["fooled"] == 0.0
    assert found["typos"]["fooled"] == 0.0  # a tie fools nobody
    assert found["confident_wrongness"]["fooled"] == 1.0
    shown = [e for e in examples if e["probe"] == "confident_wrongness"]
    endings = [OTHER.rejected, PAIR.rejected]
    for example, end in zip(shown, endings, strict=True):
        assert example["worse"].removesuffix(end) in PROBED["confident_wrongness"]
    assert all(e["gain"] > 0 for e in examples)


def test_a_dressed_probe_counts_only_where_the_model_was_right() -> None:
    found, _ = robustness(
        probes([PAIR], 1), RENDERER, lambda texts: -by_length(texts), trained=("markdown",)
    )
    assert found["markdown"]["trained"]
    assert found["confident_wrongness"] == {
        "fooled": None,
        "fooled_low": None,
        "fooled_high": None,
        "fooled_p": None,
        "probes": 0,
        "trained": False,
    }


def test_no_probes_and_probes_that_do_not_fit() -> None:
    assert robustness([], RENDERER, by_length) == ({}, [])
    assert robustness(probes([PAIR], 1), Renderer(tiny.tokenizer(), 40), by_length)[0] == {}


def test_probes_are_of_different_prompts_and_the_same_each_time() -> None:
    pairs = [
        Pair(prompt=f"q{n // 3}", chosen=f"yes {n}.", rejected="no", id=str(n)) for n in range(30)
    ]
    assert probes(pairs, 4) == probes(pairs, 4)
    assert len({str(p.prompt) for p in probes(pairs, 4) if p.name == "padding"}) == 4
    with pytest.raises(AttributeError):
        probes(pairs, 4)[0].name = "other"  # type: ignore[misc]


def test_kinds_of_probes_are_corrected_for_their_number() -> None:
    """Padding fools on all of 12 prompts, 2 in 2^12, times the kinds that are tested."""
    pairs = [Pair(prompt=f"q{n}", chosen="yes.", rejected="no", id=str(n)) for n in range(12)]
    found, _ = robustness(probes(pairs, 12), RENDERER, by_length)
    tested = [row["fooled_p"] for row in found.values() if row["fooled_p"] is not None]
    assert found["padding"]["fooled_p"] == pytest.approx(len(tested) * 2 / 2**12)


def test_probes_of_one_cluster_are_one_observation() -> None:
    pairs = [
        Pair(prompt=f"q{n}", chosen="yes.", rejected="no", id=str(n), cluster=str(n % 4))
        for n in range(12)
    ]
    found, _ = robustness(probes(pairs, 12), RENDERER, by_length)
    assert found["padding"]["probes"] == 12
    assert found["padding"]["fooled_low"] is None
    assert found["padding"]["fooled_p"] == 1.0
