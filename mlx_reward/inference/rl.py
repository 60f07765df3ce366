"""A reward model as the reward function of a policy trainer (TRL, mlx-lm-lora)."""

from collections.abc import Callable, Sequence
from typing import Any

from mlx_reward.inference.reward_model import (
    EncodedText,
    Normalization,
    RewardModel,
    check_penalty,
    penalize,
)
from mlx_reward.utils.errors import InputError

Prompt = str | list[dict[str, str]]


def reward_function(
    model: RewardModel,
    normalize: Normalization | None = "zscore",
    uncertainty_penalty: float = 0.0,
    floor: float = -3.0,
) -> Callable[..., list[float]]:
    """Return a function of ``prompts`` and ``completions`` that gives each completion a reward.

    Prompts and completions are lists of texts or of messages. A completion that cannot be scored,
    because it is empty or too long, gets ``floor``, in normalized units. Other arguments that a
    trainer passes (answers, types, columns of the data set) are ignored.
    """

    check_penalty(uncertainty_penalty)

    def mlx_reward(prompts: Sequence[Prompt], completions: Sequence[Any], **_: Any) -> list[float]:
        texts = [
            _encode(model, prompt, completion)
            for prompt, completion in zip(prompts, completions, strict=True)
        ]
        rewards, uncertainties = model.score_tokens([text for text in texts if text is not None])
        rewards = penalize(rewards, uncertainties, uncertainty_penalty)
        remaining = iter(model.normalized(rewards, normalize).tolist())
        return [floor if text is None else next(remaining) for text in texts]

    return mlx_reward


def _encode(model: RewardModel, prompt: Prompt, completion: Any) -> EncodedText | None:
    response = completion if isinstance(completion, str) else completion[-1]["content"]
    try:
        return model.encode(prompt, response)
    except InputError:
        return None
