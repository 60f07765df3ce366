"""OpenRLHF's remote reward model, ``--remote_rm_url``.

https://github.com/OpenRLHF/OpenRLHF/blob/main/openrlhf/cli/serve_rm.py
"""

from collections.abc import Iterator

from fastapi import FastAPI
from pydantic import BaseModel

from mlx_reward.inference.reward_model import EncodedText, RewardModel
from mlx_reward.server.contracts.fields import Texts
from mlx_reward.server.contracts.served import Served
from mlx_reward.utils.errors import InputError


class OpenRLHFRequest(BaseModel):
    """``query``: texts of a prompt and its response, as the policy's tokenizer decodes them."""

    query: Texts
    prompts: Texts | None = None


class OpenRLHFAnswer(BaseModel):
    rewards: list[float]
    scores: list[float]
    extra_logs: dict[str, list[float]]


def add_routes(app: FastAPI, served: Served) -> None:
    """Add the contract's route to ``app``."""

    @app.post("/get_reward")
    async def openrlhf(request: OpenRLHFRequest) -> OpenRLHFAnswer:
        """Answer as OpenRLHF's remote reward model."""
        queries = _encode_queries(served.model, request)
        rewards, uncertainties = await served.scorer.score(queries, len(request.query))
        return OpenRLHFAnswer(
            rewards=rewards.tolist(),
            scores=served.model.normalized(rewards, "sigmoid").tolist(),
            extra_logs={"uncertainty": uncertainties.tolist()},
        )


def _encode_queries(model: RewardModel, request: OpenRLHFRequest) -> Iterator[EncodedText]:
    """Yield the texts of the queries."""
    prompts = request.prompts if request.prompts is not None else [""] * len(request.query)
    if len(prompts) != len(request.query):
        raise InputError(
            f"{len(prompts)} prompts and {len(request.query)} queries; send as many of both"
        )
    for i, (query, prompt) in enumerate(zip(request.query, prompts, strict=True)):
        yield model.encode_query(query, prompt, f"query[{i}]")
