"""slime's remote reward model, ``--rm-type remote_rm --rm-url .../remote_rm``.

https://github.com/THUDM/slime/blob/main/slime/rollout/rm_hub/__init__.py; the answer is a number.
"""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from mlx_reward.server.contracts.fields import Prompt, Text
from mlx_reward.server.contracts.served import Served


class SlimeRequest(BaseModel):
    """``prompt``: messages, a text, or the beginning of a rendered conversation.

    ``label`` is for rewards that check an answer, and is not read.
    """

    prompt: Prompt
    response: Text
    label: Any = None


def add_routes(app: FastAPI, served: Served) -> None:
    """Add the contract's route to ``app``."""

    @app.post("/remote_rm")
    async def slime(request: SlimeRequest) -> float:
        """Answer as slime's remote reward model: the reward of one response."""
        model, prompt = served.model, request.prompt
        if isinstance(prompt, str) and model.renderer.is_rendered(prompt):
            text = model.encode_rendered(prompt + request.response, "prompt and response")
        else:
            text = model.encode(prompt, request.response)
        rewards, _ = await served.scorer.score([text], 1)
        return float(rewards[0])
