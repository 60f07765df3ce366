"""Rerankers: Cohere's and Jina's contract, and that of text-embeddings-inference.

https://docs.cohere.com/reference/rerank, https://api.jina.ai/redoc,
https://huggingface.github.io/text-embeddings-inference; vLLM's ``/rerank`` is Jina's.
Relevance is the sigmoid of the reward in standard deviations of the training set, except where
raw scores are asked for.
"""

import uuid
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel, Discriminator, FailFast, Field, Tag

from mlx_reward.server.contracts.fields import Text, Texts
from mlx_reward.server.contracts.served import Served


class Document(BaseModel):
    text: Text


class RerankRequest(BaseModel):
    """Cohere's and Jina's."""

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


class TextsRequest(BaseModel):
    """text-embeddings-inference's: ``raw_scores`` asks for rewards as they are."""

    query: Text
    texts: Annotated[Texts, Field(min_length=1)]
    raw_scores: bool = False
    return_text: bool = False


class TextRank(BaseModel):
    index: int
    text: str | None = None
    score: float


def _kind(body: Any) -> str:
    return "<texts>" if isinstance(body, dict) and "texts" in body else "<documents>"


AnyRequest = Annotated[
    Annotated[RerankRequest, Tag("<documents>")] | Annotated[TextsRequest, Tag("<texts>")],
    Discriminator(_kind),
]


def add_routes(app: FastAPI, served: Served) -> None:
    """Add the routes of both contracts to ``app``."""

    async def score(query: str, texts: list[str]) -> np.ndarray:
        encoded = served.model.encode_responses(query, texts)
        rewards, _ = await served.scorer.score(encoded, len(texts))
        return rewards

    async def documents(request: RerankRequest) -> RerankAnswer:
        texts = [item if isinstance(item, str) else item.text for item in request.documents]
        rewards = await score(request.query, texts)
        relevance = served.model.normalized(rewards, "sigmoid").tolist()
        results = [
            RerankResult(
                index=i,
                relevance_score=relevance[i],
                document=Document(text=texts[i]) if request.return_documents else None,
            )
            for i in _best_first(rewards)[: request.top_n]
        ]
        name = request.model or served.name
        return RerankAnswer(id=uuid.uuid4().hex, model=name, results=results)

    async def texts(request: TextsRequest) -> list[TextRank]:
        rewards = await score(request.query, request.texts)
        scores = rewards if request.raw_scores else served.model.normalized(rewards, "sigmoid")
        return [
            TextRank(
                index=i,
                text=request.texts[i] if request.return_text else None,
                score=float(scores[i]),
            )
            for i in _best_first(rewards)
        ]

    @app.post("/v1/rerank", response_model_exclude_none=True)
    async def rerank(request: RerankRequest) -> RerankAnswer:
        """Answer as Cohere's and Jina's rerankers: documents sorted by reward."""
        return await documents(request)

    @app.post("/rerank", response_model_exclude_none=True)
    async def rerank_either(request: AnyRequest) -> RerankAnswer | list[TextRank]:
        """Answer as text-embeddings-inference where there are ``texts``, else as Jina."""
        if isinstance(request, TextsRequest):
            return await texts(request)
        return await documents(request)


def _best_first(rewards: np.ndarray) -> list[int]:
    return sorted(range(len(rewards)), key=lambda i: -rewards[i])
