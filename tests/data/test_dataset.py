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


def test_a_dataset_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset(3).cut = 1  # type: ignore[misc]  # that it fails is the point
