"""A reward model as the reward function of policy trainers: TRL, mlx-lm-lora, verl, OpenRLHF.

Each trainer has a shape of its own for the same thing; ``reward_function`` is the one that scores,
``verl_function`` and ``openrlhf_function`` translate.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlx_reward.data.pair import Prompt
from mlx_reward.inference.arguments import as_lists
from mlx_reward.inference.penalty import check_uncertainty_penalty, penalize
from mlx_reward.inference.reward_model import (
    EncodedText,
    Normalization,
    Response,
    RewardModel,
    require_finite,
)
from mlx_reward.utils.errors import InputError

LOG = logging.getLogger(__name__)
FLOORED = "mlx_reward/floored"  # the metric: share of completions that got the floor
PROMPT_FIELDS = ("prompt", "question")  # of verl's extra_info


class PolicyReward:
    """Rewards of completions, with a floor for those that cannot be scored.

    A completion that is empty or too long gets ``floor``, in normalized units. How many did is
    logged, for a policy that finds the floor has stopped to learn.
    """

    __name__ = "mlx_reward"  # by which trainers log it

    def __init__(
        self,
        model: RewardModel,
        normalize: Normalization | None,
        uncertainty_penalty: float,
        floor: float,
    ) -> None:
        check_uncertainty_penalty(uncertainty_penalty)  # now, not after the first completions
        self.model = model
        self.normalize = normalize
        self.uncertainty_penalty = uncertainty_penalty
        self.floor = floor
        self.floored_share = 0.0  # of the last call

    def __call__(
        self,
        prompts: Sequence[Prompt],
        completions: Sequence[Response],
        log_metric: Callable[[str, float], None] | None = None,
        **_: Any,
    ) -> list[float]:
        """Return a reward for each of ``completions``; other arguments of a trainer are ignored.

        ``log_metric`` is TRL's, which is told the share of completions that got the floor.
        """
        prompts, completions = as_lists(prompts=prompts, completions=completions)
        asked = zip(prompts, completions, strict=True)
        rewards = self.of_texts([_encoded(self.model.encode, *one) for one in asked])
        if log_metric is not None:
            log_metric(FLOORED, self.floored_share)
        return rewards

    def of_texts(self, texts: Sequence[EncodedText | InputError]) -> list[float]:
        """Return the rewards of ``texts``; an error in place of one gets the floor."""
        known = [text for text in texts if not isinstance(text, InputError)]
        rewards, uncertainties = require_finite(self.model.score_tokens(known))
        rewards = penalize(rewards, uncertainties, self.uncertainty_penalty)
        remaining = iter(self.model.normalized(rewards, self.normalize).tolist())
        errors = [text for text in texts if isinstance(text, InputError)]
        self.floored_share = len(errors) / max(len(texts), 1)
        if errors:
            LOG.warning(
                "%d of %d completions (%.0f %%) got the floor, %g; the first: %s",
                len(errors),
                len(texts),
                100 * self.floored_share,
                self.floor,
                errors[0],
            )
        return [self.floor if isinstance(text, InputError) else next(remaining) for text in texts]


def reward_function(
    model: RewardModel,
    normalize: Normalization | None = "zscore",
    uncertainty_penalty: float = 0.0,
    floor: float = -3.0,
) -> PolicyReward:
    """Return the function of ``prompts`` and ``completions`` that TRL and mlx-lm-lora call.

    For TRL: ``GRPOTrainer(reward_funcs=reward_function(model))``. Prompts and completions are texts
    or messages. ``floor`` is the reward of a completion that cannot be scored.
    """
    return PolicyReward(model, normalize, uncertainty_penalty, floor)


def verl_function(
    model: RewardModel,
    normalize: Normalization | None = "zscore",
    uncertainty_penalty: float = 0.0,
    floor: float = -3.0,
) -> Callable[..., float | list[float]]:
    """Return verl's ``compute_score``, for its naive reward manager and for its batch one.

    verl passes no prompt, so the data set's ``extra_info`` must hold it, as "prompt" (a text or
    messages) or "question". ``data_source`` and ``ground_truth`` are ignored.
    """
    reward = reward_function(model, normalize, uncertainty_penalty, floor)

    def compute_score(
        data_source: Any = None,
        solution_str: str | None = None,
        ground_truth: Any = None,
        extra_info: Mapping[str, Any] | None = None,
        *,
        solution_strs: Sequence[str] | None = None,
        extra_infos: Sequence[Mapping[str, Any] | None] | None = None,
        **_: Any,
    ) -> float | list[float]:
        """Return the reward of ``solution_str``, or a list of those of ``solution_strs``."""
        if solution_strs is not None:
            return reward([_prompt(info) for info in extra_infos or []], solution_strs)
        return reward([_prompt(extra_info)], [solution_str or ""])[0]

    return compute_score


def openrlhf_function(
    model: RewardModel,
    normalize: Normalization | None = "zscore",
    uncertainty_penalty: float = 0.0,
    floor: float = -3.0,
) -> Callable[..., dict[str, Any]]:
    """Return OpenRLHF's ``reward_func``, for a file that ``--remote_rm_url FILE.py`` names.

    A query is a prompt and its response in one text. Queries that were rendered with a chat
    template need the one of this model's backbone.
    """
    reward = reward_function(model, normalize, uncertainty_penalty, floor)

    def reward_func(
        queries: Sequence[str], prompts: Sequence[str], labels: Any = None, **_: Any
    ) -> dict[str, Any]:
        """Return the tensors "rewards" and "scores" (0 to 1), and what OpenRLHF logs."""
        from torch import tensor  # OpenRLHF's own, so it is there

        queries, prompts = as_lists(queries=queries, prompts=prompts)
        asked = zip(queries, prompts, strict=True)
        texts = [_encoded(model.encode_query, *one) for one in asked]
        rewards = tensor(reward.of_texts(texts))
        floored = tensor([float(isinstance(text, InputError)) for text in texts])
        return {
            "rewards": rewards,
            "scores": 1 / (1 + (-rewards).exp()),
            "extra_logs": {FLOORED: floored},
        }

    return reward_func


def _encoded(encode: Callable[..., EncodedText], *texts: Any) -> EncodedText | InputError:
    try:
        return encode(*texts)
    except InputError as error:
        return error


def _prompt(extra_info: Mapping[str, Any] | None) -> Prompt:
    """Return the prompt in verl's ``extra_info``; InputError where there is none."""
    for field in PROMPT_FIELDS:
        if extra_info is not None and extra_info.get(field) is not None:
            prompt = extra_info[field]
            return prompt if isinstance(prompt, str) else list(prompt)
    raise InputError("verl passes no prompt: put it into the data set's extra_info, as 'prompt'")
