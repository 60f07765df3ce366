"""Pairs that do not fit are dropped by name, and a dataset stays as it is."""

import dataclasses

import pytest

from mlx_reward.data.pair import Pair
from tests.toy import dataset, pairs, tokenized


def test_long_responses_are_dropped_and_named() -> None:
    too_long = Pair(prompt="q", chosen="x" * 300, rejected="y", id="long", group="q")
    data = tokenized([*pairs(3), too_long])
    assert data.dropped == ["long"]
    assert data.counts()["pairs"] == 3


@pytest.mark.parametrize("fits_first", [True, False])
def test_the_other_text_of_a_dropped_pair_is_not_encoded(fits_first: bool) -> None:
    """It stood in the data set, cut from no pair, and was run in every evaluation."""
    texts = ["y", "x" * 300] if fits_first else ["x" * 300, "y"]
    too_long = Pair(prompt="q", chosen=texts[0], rejected=texts[1], id="long", group="q")
    data = tokenized([too_long, *pairs(3)])
    assert (data.texts, data.prompts) == (dataset(3).texts, dataset(3).prompts)
    assert data.chosen.tolist() == dataset(3).chosen.tolist()


def test_a_text_of_a_dropped_pair_that_another_pair_has_is_kept() -> None:
    too_long = Pair(prompt="q", chosen="y", rejected="x" * 300, id="long", group="q")
    fits = Pair(prompt="q", chosen="z", rejected="y", id="fits", group="q")
    data = tokenized([too_long, fits])
    assert (data.chosen.tolist(), data.rejected.tolist()) == ([0], [1])
    assert data.texts == tokenized([fits]).texts


def test_a_dataset_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset(3).cut = 1  # type: ignore[misc]  # that it fails is the point
