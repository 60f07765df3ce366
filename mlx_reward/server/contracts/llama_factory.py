"""LLaMA-Factory's reward model server, ``reward_model_type: api``.

https://github.com/hiyouga/LLaMA-Factory/blob/main/src/llamafactory/api/protocol.py
"""

import uuid

from fastapi import FastAPI
from pydantic import BaseModel

from mlx_reward.server.contracts.fields import Text, Texts
from mlx_reward.server.contracts.served import Served


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


def add_routes(app: FastAPI, served: Served) -> None:
    """Add the contract's route to ``app``."""

    @app.post("/v1/score/evaluation")
    async def llama_factory(request: LlamaFactoryRequest) -> LlamaFactoryAnswer:
        """Answer as LLaMA-Factory's reward model server."""
        messages = request.messages
        texts = served.encode_rendered(messages, "messages")
        rewards, _ = await served.scorer.score(texts, len(messages))
        return LlamaFactoryAnswer(
            id=f"scoreeval-{uuid.uuid4().hex}",
            model=request.model or served.name,
            scores=rewards.tolist(),
        )
