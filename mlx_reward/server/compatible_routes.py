"""Routes that speak other projects' contracts: OpenRLHF's, LLaMA-Factory's and the rerankers'.

Their clients use this server as the reward model or reranker that they already know.
"""

import uuid
from collections.abc import Iterator

from fastapi import FastAPI

from mlx_reward.inference.reward_model import EncodedText, RewardModel
from mlx_reward.server.contracts import (
    Document,
    LlamaFactoryAnswer,
    LlamaFactoryRequest,
    OpenRLHFAnswer,
    OpenRLHFRequest,
    RerankAnswer,
    RerankRequest,
    RerankResult,
)
from mlx_reward.server.scorer import Scorer
from mlx_reward.utils.errors import InputError


def add_compatible_routes(app: FastAPI, model: RewardModel, name: str, scorer: Scorer) -> None:
    """Add the routes to ``app``; ``name`` is the model's name in answers."""

    @app.post("/get_reward")
    async def openrlhf(request: OpenRLHFRequest) -> OpenRLHFAnswer:
        """Answer as OpenRLHF's remote reward model (``--remote_rm_url``)."""
        queries = _encode_queries(model, request)
        rewards, uncertainties = await scorer.score(queries, len(request.query))
        return OpenRLHFAnswer(
            rewards=rewards.tolist(),
            scores=model.normalized(rewards, "sigmoid").tolist(),
            extra_logs={"uncertainty": uncertainties.tolist()},
        )

    @app.post("/v1/score/evaluation")
    async def llama_factory(request: LlamaFactoryRequest) -> LlamaFactoryAnswer:
        """Answer as LLaMA-Factory's reward model server (``reward_model_type: api``)."""
        messages = request.messages
        texts = (model.encode_rendered(text, f"messages[{i}]") for i, text in enumerate(messages))
        rewards, _ = await scorer.score(texts, len(messages))
        return LlamaFactoryAnswer(
            id=f"scoreeval-{uuid.uuid4().hex}",
            model=request.model or name,
            scores=rewards.tolist(),
        )

    @app.post("/v1/rerank", response_model_exclude_none=True)
    async def rerank(request: RerankRequest) -> RerankAnswer:
        """Answer as Cohere's and Jina's rerankers: documents sorted by reward.

        Their relevance is the sigmoid of the reward in standard deviations of the training set.
        """
        texts = [
            document if isinstance(document, str) else document.text
            for document in request.documents
        ]
        encoded = model.encode_responses(request.query, texts)
        rewards, _ = await scorer.score(encoded, len(texts))
        relevance = model.normalized(rewards, "sigmoid").tolist()
        order = sorted(range(len(texts)), key=lambda i: -rewards[i])
        results = [
            RerankResult(
                index=i,
                relevance_score=relevance[i],
                document=Document(text=texts[i]) if request.return_documents else None,
            )
            for i in order[: request.top_n]
        ]
        return RerankAnswer(id=uuid.uuid4().hex, model=request.model or name, results=results)


def _encode_queries(model: RewardModel, request: OpenRLHFRequest) -> Iterator[EncodedText]:
    """Yield the texts of OpenRLHF's queries."""
    prompts = request.prompts if request.prompts is not None else [""] * len(request.query)
    if len(prompts) != len(request.query):
        raise InputError(
            f"{len(prompts)} prompts and {len(request.query)} queries; send as many of both"
        )
    for i, (query, prompt) in enumerate(zip(request.query, prompts, strict=True)):
        yield model.encode_query(query, prompt, f"query[{i}]")
