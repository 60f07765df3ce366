"""vLLM's routes of pooling models: ``/classify``, ``/pooling`` and ``/v1/score``.

https://github.com/vllm-project/vllm/tree/main/vllm/entrypoints/pooling; verl's reward loop reads
the last of ``data[-1].probs`` of ``/classify``,
https://github.com/verl-project/verl/blob/main/verl/experimental/reward_loop/reward_loop.py.
``use_activation`` asks for the sigmoid of the reward in standard deviations of the training set.
vLLM's ``/classify`` and ``/score`` take it unless it is false, ``/pooling`` only where it is true.
"""

import time
import uuid
from collections.abc import Iterator
from typing import Annotated

import numpy as np
from fastapi import FastAPI
from pydantic import AliasChoices, BaseModel, Field

from mlx_reward.inference.reward_model import EncodedText
from mlx_reward.server.contracts.fields import Messages, Text, Texts, as_list
from mlx_reward.server.contracts.served import Served
from mlx_reward.utils.errors import InputError


class PoolingRequest(BaseModel):
    """Either ``input``, one or more rendered conversations, or the ``messages`` of one."""

    model: Text = ""
    input: Text | Texts | None = None
    messages: Messages | None = None
    use_activation: bool | None = None


class Usage(BaseModel):
    prompt_tokens: int
    total_tokens: int


class Answer(BaseModel):
    id: str
    object: str = "list"
    created: int = Field(default_factory=lambda: int(time.time()))
    model: str
    usage: Usage


class Classification(BaseModel):
    """A reward model has one class, whose "probability" is the reward."""

    index: int
    label: str = "LABEL_0"
    probs: list[float]
    num_classes: int = 1


class ClassifyAnswer(Answer):
    data: list[Classification]


class Pooled(BaseModel):
    index: int
    object: str = "pooling"
    data: list[float]


class PoolingAnswer(Answer):
    data: list[Pooled]


FIRST_NAMES = AliasChoices("text_1", "queries", "data_1")
SECOND_NAMES = AliasChoices("text_2", "documents", "items", "data_2")


class ScorePairsRequest(BaseModel):
    """Prompts and responses: one of each, one prompt to many responses, or as many of both."""

    model: Text = ""
    text_1: Annotated[Text | Texts, Field(validation_alias=FIRST_NAMES)]
    text_2: Annotated[Text | Texts, Field(validation_alias=SECOND_NAMES)]
    use_activation: bool | None = None


class PairScore(BaseModel):
    index: int
    object: str = "score"
    score: float


class ScorePairsAnswer(Answer):
    data: list[PairScore]


def add_routes(app: FastAPI, served: Served) -> None:
    """Add the contract's routes to ``app``."""

    @app.post("/classify")
    async def classify(request: PoolingRequest) -> ClassifyAnswer:
        """Answer as vLLM's classification of rendered conversations, which verl asks for."""
        rewards, usage = await _pool(served, request)
        values = _activated(served, rewards, request.use_activation is not False)
        data = [Classification(index=i, probs=[value]) for i, value in enumerate(values)]
        return ClassifyAnswer(
            id=_id("classify"), model=_name(served, request), data=data, usage=usage
        )

    @app.post("/pooling")
    async def pooling(request: PoolingRequest) -> PoolingAnswer:
        """Answer as vLLM's reward models: a vector of one number, the reward."""
        rewards, usage = await _pool(served, request)
        values = _activated(served, rewards, request.use_activation is True)
        data = [Pooled(index=i, data=[value]) for i, value in enumerate(values)]
        return PoolingAnswer(id=_id("pool"), model=_name(served, request), data=data, usage=usage)

    @app.post("/v1/score")
    async def score(request: ScorePairsRequest) -> ScorePairsAnswer:
        """Answer as vLLM's score of pairs of texts: prompts and their responses."""
        return await score_pairs(served, request)


async def score_pairs(served: Served, request: ScorePairsRequest) -> ScorePairsAnswer:
    """Return the answer of ``/v1/score``, which ``/score`` gives to the same request."""
    prompts = as_list(request.text_1)
    responses = as_list(request.text_2)
    prompts = prompts * len(responses) if len(prompts) == 1 else prompts
    if len(prompts) != len(responses):
        raise InputError(
            f"{len(prompts)} first and {len(responses)} second texts; send one first text, or as "
            "many of both"
        )
    pairs = zip(prompts, responses, strict=True)
    encoded = (served.model.encode(*pair, f"[{i}]") for i, pair in enumerate(pairs))
    rewards, usage = await _score(served, encoded, len(responses))
    values = _activated(served, rewards, request.use_activation is not False)
    data = [PairScore(index=i, score=value) for i, value in enumerate(values)]
    return ScorePairsAnswer(
        id=_id("score"), model=request.model or served.name, data=data, usage=usage
    )


async def _pool(served: Served, request: PoolingRequest) -> tuple[np.ndarray, Usage]:
    """Return the rewards (N,) of a request's conversations."""
    if (request.input is None) == (request.messages is None):
        raise InputError("send input, rendered conversations, or messages")
    if request.messages is not None:
        texts = map(served.model.encode_messages, [request.messages])  # encoded as it is drawn
        return await _score(served, texts, 1)
    inputs = as_list(request.input or [])
    return await _score(served, served.encode_rendered(inputs, "input"), len(inputs))


async def _score(
    served: Served, texts: Iterator[EncodedText], count: int
) -> tuple[np.ndarray, Usage]:
    """Return rewards (N,) of ``texts``, and how many tokens they have."""
    lengths: list[int] = []

    def counted() -> Iterator[EncodedText]:
        for text in texts:
            lengths.append(len(text))
            yield text

    rewards, _ = await served.scorer.score(counted(), count)
    return rewards, Usage(prompt_tokens=sum(lengths), total_tokens=sum(lengths))


def _activated(served: Served, rewards: np.ndarray, activation: bool) -> list[float]:
    values = served.model.normalized(rewards, "sigmoid") if activation else rewards
    return [float(value) for value in values]


def _id(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex}"


def _name(served: Served, request: PoolingRequest) -> str:
    return request.model or served.name
