"""SGLang's embeddings of reward models, ``/v1/embeddings``: a vector of one number, the reward.

https://github.com/sgl-project/sglang/blob/main/python/sglang/srt/entrypoints/openai/serving_embedding.py;
verl's reward loop reads the last of ``data[-1].embedding`` where its engine is SGLang.
"""

from fastapi import FastAPI
from pydantic import BaseModel

from mlx_reward.server.contracts.fields import Text, Texts, as_list
from mlx_reward.server.contracts.served import Served


class EmbeddingsRequest(BaseModel):
    """``input``: one or more conversations, rendered with the backbone's chat template."""

    model: Text = ""
    input: Text | Texts


class Embedding(BaseModel):
    index: int
    object: str = "embedding"
    embedding: list[float]


class EmbeddingsAnswer(BaseModel):
    object: str = "list"
    model: str
    data: list[Embedding]


def add_routes(app: FastAPI, served: Served) -> None:
    """Add the contract's route to ``app``."""

    @app.post("/v1/embeddings")
    async def embeddings(request: EmbeddingsRequest) -> EmbeddingsAnswer:
        """Answer as SGLang does for a reward model."""
        texts = as_list(request.input)
        rewards, _ = await served.scorer.score(served.encode_rendered(texts, "input"), len(texts))
        data = [Embedding(index=i, embedding=[float(reward)]) for i, reward in enumerate(rewards)]
        return EmbeddingsAnswer(model=request.model or served.name, data=data)
