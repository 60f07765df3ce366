"""This project's own routes: /health, /score, /rank and /compare.

Each builds texts from its request, awaits their rewards and fills its answer.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import Discriminator, Tag

from mlx_reward.evaluation.distance import is_far, mostly_far
from mlx_reward.inference.penalty import penalize
from mlx_reward.inference.reward_model import EncodedText, RewardModel
from mlx_reward.server.contracts.own import (
    CompareAnswer,
    CompareRequest,
    Place,
    RankAnswer,
    RankRequest,
    ScoreAnswer,
    ScoreRequest,
)
from mlx_reward.server.contracts.served import Served
from mlx_reward.server.contracts.vllm import (
    FIRST_NAMES,
    SECOND_NAMES,
    ScorePairsAnswer,
    ScorePairsRequest,
    score_pairs,
)
from mlx_reward.utils.errors import InputError


def _kind(body: Any) -> str:
    names = {*FIRST_NAMES.choices, *SECOND_NAMES.choices}
    return "<vllm>" if isinstance(body, dict) and names & body.keys() else "<own>"


AnyScoreRequest = Annotated[
    Annotated[ScoreRequest, Tag("<own>")] | Annotated[ScorePairsRequest, Tag("<vllm>")],
    Discriminator(_kind),
]


def add_routes(app: FastAPI, served: Served) -> None:
    """Add the routes to ``app``."""
    model, name, scorer = served.model, served.name, served.scorer

    @app.get("/health")
    async def health() -> dict[str, Any]:
        """Tell that the server answers, its model, and how many texts wait."""
        return {"status": "ok", "model": name, "waiting": scorer.waiting}

    @app.post("/score")
    async def score(request: AnyScoreRequest) -> ScoreAnswer | ScorePairsAnswer:
        """Return rewards of responses to prompts, or of whole conversations.

        A request of vLLM's, with text_1 and text_2, gets its answer.
        """
        if isinstance(request, ScorePairsRequest):
            return await score_pairs(served, request)
        count = _count(request)
        scores = await scorer.score_details(_encode(model, request), count)
        rewards = penalize(scores.rewards, scores.uncertainties, request.uncertainty_penalty)
        distances = None if model.uncertainty is None else scores.distances.tolist()
        return ScoreAnswer(
            rewards=model.normalized(rewards, request.normalize).tolist(),
            uncertainties=scores.uncertainties.tolist(),
            distances=distances,
            warning=mostly_far(sum(map(is_far, distances or [])), count),
        )

    @app.post("/rank")
    async def rank(request: RankRequest) -> RankAnswer:
        """Return the responses to one prompt, best first."""
        responses = request.responses
        texts = model.encode_responses(request.prompt, responses)
        rewards, uncertainties = await scorer.score(texts, len(responses))
        probabilities = model.win_probabilities(rewards)
        rewards = penalize(rewards, uncertainties, request.uncertainty_penalty)
        order = sorted(range(len(responses)), key=lambda i: -rewards[i])
        ranking = [
            Place(
                index=i,
                response=responses[i],
                reward=float(rewards[i]),
                uncertainty=float(uncertainties[i]),
                probability=float(probabilities[i]),
            )
            for i in order
        ]
        return RankAnswer(ranking=ranking)

    @app.post("/compare")
    async def compare(request: CompareRequest) -> CompareAnswer:
        """Return the calibrated probability that one response is better than another."""
        responses = (request.first, request.second)
        texts = model.encode_responses(request.prompt, responses)
        rewards, _ = await scorer.score(texts, len(responses))
        margin = float(rewards[0] - rewards[1])
        return CompareAnswer(probability=model.probability(margin), rewards=rewards.tolist())


def _count(request: ScoreRequest) -> int:
    """Return how many texts a request holds, of either messages, or prompts and responses."""
    prompts = request.prompts
    responses = request.responses
    if request.messages is not None and prompts is None and responses is None:
        return len(request.messages)
    if request.messages is not None or prompts is None or responses is None:
        raise InputError("send prompts and responses, or messages")
    if len(prompts) != len(responses):
        raise InputError(
            f"{len(prompts)} prompts and {len(responses)} responses; send as many of both"
        )
    return len(prompts)


def _encode(model: RewardModel, request: ScoreRequest) -> Iterator[EncodedText]:
    """Yield the texts of a request."""
    for i, messages in enumerate(request.messages or []):
        yield model.encode_messages(messages, f"messages[{i}]")
    both = zip(request.prompts or [], request.responses or [], strict=True)
    for i, (prompt, response) in enumerate(both):
        yield model.encode(prompt, response, f"[{i}]")
