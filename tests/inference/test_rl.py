"""The reward function of policy trainers: the model's own rewards, whatever form the trainer passes."""

from pathlib import Path

import pytest

from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.inference.rl import reward_function


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> RewardModel:
    return RewardModel.load(checkpoints / "rm_model_bt")


def test_texts_as_mlx_lm_lora_passes_them(model: RewardModel) -> None:
    function = reward_function(model)
    found = function(
        prompts=["q", "r"], completions=["yes", "no"], answer=["", ""], types=[None, None]
    )
    assert found == pytest.approx(
        model.score(["q", "r"], ["yes", "no"], normalize="zscore"), abs=1e-4
    )
    assert function.__name__ == "mlx_reward"  # by which trainers log it


def test_messages_as_trl_passes_them(model: RewardModel) -> None:
    prompts = [[{"role": "user", "content": "q"}]]
    found = reward_function(model, normalize=None)(
        prompts, [[{"role": "assistant", "content": "yes"}]], completion_ids=[[1]]
    )
    assert found == pytest.approx(model.score(["q"], ["yes"]), abs=1e-4)


def test_what_cannot_be_scored_gets_the_floor(model: RewardModel) -> None:
    """An empty completion ends no training run, and pays nobody."""
    found = reward_function(model, floor=-5.0)(["q"] * 3, ["", "yes", "x" * 500])
    assert (found[0], found[2]) == (-5.0, -5.0)
    assert found[1] == pytest.approx(model.score(["q"], ["yes"], normalize="zscore")[0], abs=1e-4)
