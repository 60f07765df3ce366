"""The reward function of policy trainers gives the model's own rewards."""

import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.inference.rl import (
    FLOORED,
    openrlhf_function,
    reward_function,
    verl_function,
)
from mlx_reward.utils.errors import InputError


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


def test_the_share_of_floored_completions_is_logged(
    model: RewardModel, caplog: pytest.LogCaptureFixture
) -> None:
    """By Python's logging, and by TRL's ``log_metric``."""
    logged: dict[str, float] = {}
    function = reward_function(model)
    with caplog.at_level(logging.WARNING):
        function(["q"] * 4, ["", "yes", "x" * 500, "no"], log_metric=logged.__setitem__)
    assert logged == {FLOORED: 0.5}
    assert "2 of 4 completions (50 %) got the floor, -3" in caplog.text
    assert "'response' is empty" in caplog.text
    caplog.clear()
    function(["q"], ["yes"], log_metric=logged.__setitem__)
    assert logged == {FLOORED: 0.0}
    assert caplog.text == ""


def test_a_wrong_shape_is_an_error_not_a_floor(model: RewardModel) -> None:
    with pytest.raises(InputError, match="1 prompts and 2 completions"):
        reward_function(model)(["q"], ["a", "b"])
    with pytest.raises(InputError, match="completions is str"):
        reward_function(model)(["q"], "a")


def test_verls_naive_manager_asks_for_one_and_its_batch_manager_for_many(
    model: RewardModel,
) -> None:
    """With the keywords that they pass: verl/workers/reward_manager/naive.py and batch.py."""
    compute_score = verl_function(model, normalize=None)
    expected = model.score(["q", "r"], ["yes", "no"])
    messages = np.array([{"role": "user", "content": "q"}])  # verl keeps lists as arrays
    for prompt in ("q", messages):
        alone = compute_score(
            data_source="s", solution_str="yes", ground_truth="", extra_info={"prompt": prompt}
        )
        assert alone == pytest.approx(expected[0], abs=1e-4)
    several = compute_score(
        data_sources=["s", "s"],
        solution_strs=["yes", "no"],
        ground_truths=["", ""],
        extra_infos=[{"question": "q"}, {"question": "r"}],
    )
    assert several == pytest.approx(expected, abs=1e-4)
    assert verl_function(model, floor=-5.0)("s", "", "", {"prompt": "q"}) == -5.0
    with pytest.raises(InputError, match="verl passes no prompt"):
        compute_score("s", "yes", "", None)


def test_openrlhf_gets_tensors(model: RewardModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch is not among the requirements here; NumPy's arrays have what is used of its tensors."""

    class Tensor(np.ndarray[Any, Any]):
        def exp(self) -> Any:
            return np.exp(self)

    torch = ModuleType("torch")
    torch.tensor = lambda values: np.array(values).view(Tensor)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    reward_func = openrlhf_function(model, normalize=None, floor=-5.0)
    rendered = "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\nyes<|im_end|>\n"
    answer = reward_func(["q yes", rendered, "q"], ["q ", "", "q"], ["", "", ""])
    expected = model.score(["q "], ["yes"])[0], model.score(["q"], ["yes"])[0], -5.0
    assert answer["rewards"] == pytest.approx(expected, abs=1e-4)
    assert answer["scores"] == pytest.approx(1 / (1 + np.exp(-answer["rewards"])))
    assert answer["extra_logs"][FLOORED].tolist() == [0.0, 0.0, 1.0]
