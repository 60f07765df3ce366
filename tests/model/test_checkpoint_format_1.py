"""Checkpoints of format version 1 go on being read: one written by release 0.1.0 lies in
tests/fixtures.

Its rewards were read off plain mlx_lm too, which agreed within 4e-5.
"""

import json
import shutil

import numpy as np
import pytest

from mlx_reward import RewardModel
from tests import ROOT

FIXTURE = ROOT / "tests" / "fixtures" / "checkpoint_format_1"
EXPECTED = json.loads((FIXTURE / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> RewardModel:
    folder = shutil.copytree(FIXTURE, tmp_path_factory.mktemp("moved") / "checkpoints")
    return RewardModel.load(folder / "rm_model_bt")


def test_rewards_and_uncertainties_are_those_of_the_release_that_wrote_it(
    model: RewardModel,
) -> None:
    rewards, uncertainties = model.score_with_uncertainty(
        EXPECTED["prompts"], EXPECTED["responses"]
    )
    assert np.allclose(rewards, EXPECTED["rewards"], rtol=1e-4, atol=1e-4)
    assert np.allclose(uncertainties, EXPECTED["uncertainties"], rtol=1e-4, atol=1e-4)


def test_probabilities_are_too(model: RewardModel) -> None:
    probability = model.compare(EXPECTED["prompts"][0], *EXPECTED["responses"][:2])
    assert probability == pytest.approx(EXPECTED["probability_of_first"], abs=1e-4)
