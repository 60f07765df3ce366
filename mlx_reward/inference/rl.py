"""A reward model as the reward function of a policy's trainer: TRL's ``reward_funcs``, and mlx-lm-lora's."""

from collections.abc import Callable, Sequence
from typing import Any

from mlx_reward.inference.reward_model import Normalization, RewardModel
from mlx_reward.utils.errors import InputError

Prompt = str | list[dict[str, str]]


def reward_function(
    model: RewardModel,
    normalize: Normalization | None = "zscore",
    uncertainty_penalty: float = 0.0,
    floor: float = -3.0,
) -> Callable[..., list[float]]:
    """A function of ``prompts`` and ``completions``, lists of texts or of messages, that gives a reward for each.

    A completion that cannot be scored, because it is empty or too long, gets ``floor``, in normalized units. What a trainer
    passes besides (answers, types, columns of the data set) is not looked at.
    """

    def mlx_reward(prompts: Sequence[Prompt], completions: Sequence[Any], **_: Any) -> list[float]:
        encoded = [_encode(model, p, c) for p, c in zip(prompts, completions, strict=True)]
        rewards, uncertainties = model.score_tokens([text for text in encoded if text is not None])
        found = iter(
            model.normalized(rewards - uncertainty_penalty * uncertainties, normalize).tolist()
        )
        return [floor if text is None else next(found) for text in encoded]

    return mlx_reward


def _encode(model: RewardModel, prompt: Prompt, completion: Any) -> tuple[str, list[int]] | None:
    response = completion if isinstance(completion, str) else completion[-1]["content"]
    try:
        return model.encode(prompt, response)
    except InputError:
        return None
