"""The JSON that clients send and get, as pydantic models, one for each request and answer.

First this project's own, then OpenRLHF's, LLaMA-Factory's and the rerankers'.
"""

from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    model_validator,
)
from typing_extensions import TypeAliasType

from mlx_reward.inference.penalty import MAX_UNCERTAINTY_PENALTY

MOST_FIELDS = 20  # more than any request has


def _encodable(text: str) -> str:
    """Return ``text``; ValueError where it cannot be written into an answer."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half a surrogate pair") from None
    return text


def _few_fields(fields: Any) -> Any:
    """Return only some of a million fields, for a wrong one makes an error each."""
    return dict(islice(fields.items(), MOST_FIELDS)) if isinstance(fields, dict) else fields


Text = Annotated[str, AfterValidator(_encodable)]
Message = Annotated[dict[Text, Text], BeforeValidator(_few_fields)]
# Of a list, the first wrong element is enough: a million of them took half a minute and 4 GB.
Texts = TypeAliasType("Texts", Annotated[list[Text], FailFast()])
Messages = TypeAliasType("Messages", Annotated[list[Message], FailFast()])
Prompt = Text | Messages
Prompts = TypeAliasType("Prompts", Annotated[list[Prompt], FailFast()])
Conversations = TypeAliasType("Conversations", Annotated[list[Messages], FailFast()])
UncertaintyPenalty = Annotated[
    float,
    Field(
        ge=0,
        le=MAX_UNCERTAINTY_PENALTY,
        allow_inf_nan=False,
        validation_alias=AliasChoices("uncertainty_penalty", "caution"),  # "caution": its old name
    ),
]


class Request(BaseModel):
    """A request of this project; unknown fields are an error."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def limit_fields(cls, fields: Any) -> Any:
        """Leave few enough fields that each wrong one may be named."""
        return _few_fields(fields)


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


class OpenRLHFRequest(BaseModel):
    """``query``: texts of a prompt and its response, as the policy's tokenizer decodes them."""

    query: Texts
    prompts: Texts | None = None


class OpenRLHFAnswer(BaseModel):
    rewards: list[float]
    scores: list[float]
    extra_logs: dict[str, list[float]]


class LlamaFactoryRequest(BaseModel):
    """``messages``: rendered conversations, as the policy's tokenizer decodes them."""

    model: Text = ""
    messages: Texts
    max_length: int | None = None


class LlamaFactoryAnswer(BaseModel):
    id: str
    object: str = "score.evaluation"
    model: str
    scores: list[float]


class Document(BaseModel):
    text: Text


class RerankRequest(BaseModel):
    model: Text = ""
    query: Text
    documents: Annotated[list[Text | Document], FailFast(), Field(min_length=1)]
    top_n: Annotated[int, Field(ge=1)] | None = None
    return_documents: bool = False


class RerankResult(BaseModel):
    index: int
    relevance_score: float
    document: Document | None = None


class RerankAnswer(BaseModel):
    id: str
    model: str
    results: list[RerankResult]
