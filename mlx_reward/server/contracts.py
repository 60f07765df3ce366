"""The JSON that clients send and get, as pydantic models, one for each request and answer.

First this project's own, then OpenRLHF's, LLaMA-Factory's and the rerankers'.
"""

from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

Messages = list[dict[str, str]]
Prompt = str | Messages
UncertaintyPenalty = Annotated[
    float,
    Field(
        ge=0,
        allow_inf_nan=False,
        validation_alias=AliasChoices("uncertainty_penalty", "caution"),  # "caution": its old name
    ),
]


class Request(BaseModel):
    """A request of this project; unknown fields are an error."""

    model_config = ConfigDict(extra="forbid")


class ScoreRequest(Request):
    """Either ``prompts`` and as many ``responses``, or ``messages`` that end with the assistant."""

    prompts: list[Prompt] | None = None
    responses: list[str] | None = None
    messages: list[Messages] | None = None
    normalize: Literal["zscore", "sigmoid"] | None = None
    uncertainty_penalty: UncertaintyPenalty = 0.0


class ScoreAnswer(BaseModel):
    rewards: list[float]
    uncertainties: list[float]


class RankRequest(Request):
    prompt: Prompt
    responses: Annotated[list[str], Field(min_length=1)]
    uncertainty_penalty: UncertaintyPenalty = 0.0


class Place(BaseModel):
    """A response in the ranking; ``index`` is its position in the request."""

    index: int
    response: str
    reward: float
    uncertainty: float


class RankAnswer(BaseModel):
    ranking: list[Place]


class CompareRequest(Request):
    prompt: Prompt
    first: str
    second: str


class CompareAnswer(BaseModel):
    """``probability`` that the first response is the better one."""

    probability: float
    rewards: list[float]


class OpenRLHFRequest(BaseModel):
    """``query``: texts of a prompt and its response, as the policy's tokenizer decodes them."""

    query: list[str]
    prompts: list[str] | None = None


class OpenRLHFAnswer(BaseModel):
    rewards: list[float]
    scores: list[float]
    extra_logs: dict[str, list[float]]


class LlamaFactoryRequest(BaseModel):
    """``messages``: rendered conversations, as the policy's tokenizer decodes them."""

    model: str = ""
    messages: list[str]
    max_length: int | None = None


class LlamaFactoryAnswer(BaseModel):
    id: str
    object: str = "score.evaluation"
    model: str
    scores: list[float]


class Document(BaseModel):
    text: str


class RerankRequest(BaseModel):
    model: str = ""
    query: str
    documents: Annotated[list[str | Document], Field(min_length=1)]
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
