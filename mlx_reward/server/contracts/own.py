"""The requests and answers of this project's own routes."""

from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, Field

from mlx_reward.inference.penalty import MAX_UNCERTAINTY_PENALTY
from mlx_reward.server.contracts.fields import (
    Conversations,
    Prompt,
    Prompts,
    Request,
    Text,
    Texts,
)

UncertaintyPenalty = Annotated[
    float,
    Field(
        ge=0,
        le=MAX_UNCERTAINTY_PENALTY,
        allow_inf_nan=False,
        validation_alias=AliasChoices("uncertainty_penalty", "caution"),  # "caution": its old name
    ),
]


class ScoreRequest(Request):
    """Either ``prompts`` and as many ``responses``, or ``messages`` that end with the assistant."""

    prompts: Prompts | None = None
    responses: Texts | None = None
    messages: Conversations | None = None
    normalize: Literal["zscore", "sigmoid"] | None = None
    uncertainty_penalty: UncertaintyPenalty = 0.0


class ScoreAnswer(BaseModel):
    """``uncertainties`` are standard deviations of the rewards.

    ``distances`` are those from the training texts, 95 % of texts like them being within 1; null
    where the model does not know them. ``warning`` is there where most texts are beyond.
    """

    rewards: list[float]
    uncertainties: list[float]
    distances: list[float] | None = None
    warning: str | None = None


class RankRequest(Request):
    prompt: Prompt
    responses: Annotated[Texts, Field(min_length=1)]
    uncertainty_penalty: UncertaintyPenalty = 0.0


class Place(BaseModel):
    """A response in the ranking; ``index`` is its position in the request.

    ``probability``: calibrated, that it is better than the best of the others; 1 for one alone.
    """

    index: int
    response: str
    reward: float
    uncertainty: float
    probability: float


class RankAnswer(BaseModel):
    ranking: list[Place]


class CompareRequest(Request):
    prompt: Prompt
    first: Text
    second: Text


class CompareAnswer(BaseModel):
    """``probability`` that the first response is the better one."""

    probability: float
    rewards: list[float]
