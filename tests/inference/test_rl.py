"""The reward function of policy trainers gives the model's own rewards."""

from pathlib import Path

import pytest

from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.inference.rl import reward_function


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> RewardModel:
    return RewardModel.load(checkpoints / "rm_model_bt")


def test_texts_as_mlx_lm_lora_passes_them(model: RewardModel) -> None:
    function = reward_function(model)
    rewards = function(
        prompts=["q", "r"], completions=["yes", "no"], answer=["", ""], types=[None, None]
    )
    assert rewards == pytest.approx(
        model.score(["q", "r"], ["yes", "no"], normalize="zscore"), abs=1e-4
    )
    assert function.__name__ == "mlx_reward"  # by which trainers log it


def test_messages_as_trl_passes_them(model: RewardModel) -> None:
    prompts = [[{"role": "user", "content": "q"}]]
    rewards = reward_function(model, normalize=None)(
        prompts, [[{"role": "assistant", "content": "yes"}]], completion_ids=[[1]]
    )
    assert rewards == pytest.approx(model.score(["q"], ["yes"]), abs=1e-4)


def test_a_completion_that_cannot_be_scored_gets_the_floor(model: RewardModel) -> None:
    """An empty completion must neither end a training run nor be rewarded."""
    rewards = reward_function(model, floor=-5.0)(["q"] * 3, ["", "yes", "x" * 500])
    assert (rewards[0], rewards[2]) == (-5.0, -5.0)
    assert rewards[1] == pytest.approx(model.score(["q"], ["yes"], normalize="zscore")[0], abs=1e-4)
