"""slime's remote reward model, ``--rm-type remote_rm --rm-url .../remote_rm``.

https://github.com/THUDM/slime/blob/main/slime/rollout/rm_hub/__init__.py; the answer is a number.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from mlx_reward.inference.reward_model import EncodedText, RewardModel
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
        rewards, _ = await served.scorer.score(_encode(served.model, request), 1)
        return float(rewards[0])


def _encode(model: RewardModel, request: SlimeRequest) -> Iterator[EncodedText]:
    """Yield the one text, for what is drawn from an iterator is encoded on the scorer's thread."""
    prompt = request.prompt
    if isinstance(prompt, str) and model.renderer.is_rendered(prompt):
        yield model.encode_rendered(prompt + request.response, "prompt and response")
    else:
        yield model.encode(prompt, request.response)
