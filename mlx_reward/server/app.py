"""The routes of the server, each over the same queue of texts."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from scipy.special import expit
from starlette.exceptions import HTTPException

from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.server import contracts as c
from mlx_reward.server.batching import Batcher, Busy, Text
from mlx_reward.server.limits import BearerToken, BodyLimit
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError

RETRY_SECONDS = 1
Score = Callable[[Callable[[], list[Text]]], Awaitable[tuple[list[float], list[float]]]]


def create_app(
    model: RewardModel, name: str, token: str | None, wait: float, max_waiting: int, max_body: int
) -> FastAPI:
    """``name`` is what the model is called in answers; ``token`` None lets everyone in; limits are seconds, texts, bytes."""
    batcher, encoder = (
        Batcher(model.score_tokens, model.batch_tokens, wait, max_waiting),
        ThreadPoolExecutor(1, "encoding"),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        batcher.close()
        encoder.shutdown()

    app = FastAPIOffline(title="mlx-reward", description=f"Rewards of {name}.", lifespan=lifespan)
    app.add_middleware(BodyLimit, limit=max_body)
    if token is not None:
        app.add_middleware(BearerToken, token=token)
    _add_errors(app)
    _add_metrics(app, batcher)

    async def score(encode: Callable[[], list[Text]]) -> tuple[list[float], list[float]]:
        """Rewards and uncertainties; tokenizers are not made for threads, so one encodes."""
        texts = await asyncio.get_running_loop().run_in_executor(encoder, encode)
        rewards, uncertainties = await asyncio.wrap_future(batcher.submit(texts))
        return rewards.tolist(), uncertainties.tolist()

    @app.get("/health")
    async def health() -> dict[str, Any]:
        """Whether the server answers, and what."""
        return {"status": "ok", "model": name, "waiting": batcher.waiting}

    _add_own(app, model, score)
    _add_others(app, model, name, score)
    return app


def _add_own(app: FastAPI, model: RewardModel, score: Score) -> None:
    @app.post("/score")
    async def score_texts(asked: c.ScoreRequest) -> c.ScoreAnswer:
        """Rewards of responses to prompts, or of whole conversations."""
        rewards, uncertainties = await score(lambda: _texts(model, asked))
        cautious = [
            r - asked.uncertainty_penalty * u for r, u in zip(rewards, uncertainties, strict=True)
        ]
        return c.ScoreAnswer(
            rewards=model.normalized(_array(cautious), asked.normalize).tolist(),
            uncertainties=uncertainties,
        )

    @app.post("/rank")
    async def rank(asked: c.RankRequest) -> c.RankAnswer:
        """The responses to one prompt, best first."""
        rewards, uncertainties = await score(
            lambda: [model.encode(asked.prompt, r) for r in asked.responses]
        )
        cautious = [
            r - asked.uncertainty_penalty * u for r, u in zip(rewards, uncertainties, strict=True)
        ]
        order = sorted(range(len(cautious)), key=lambda i: -cautious[i])
        places = [(i, asked.responses[i], cautious[i], uncertainties[i]) for i in order]
        return c.RankAnswer(
            ranking=[c.Place(index=i, response=t, reward=r, uncertainty=u) for i, t, r, u in places]
        )

    @app.post("/compare")
    async def compare(asked: c.CompareRequest) -> c.CompareAnswer:
        """The calibrated probability that one response is better than another."""
        rewards, _ = await score(
            lambda: [model.encode(asked.prompt, text) for text in (asked.first, asked.second)]
        )
        return c.CompareAnswer(
            probability=model.probability(rewards[0] - rewards[1]), rewards=rewards
        )


def _add_others(app: FastAPI, model: RewardModel, name: str, score: Score) -> None:
    """The contracts of other projects."""

    @app.post("/get_reward")
    async def openrlhf(asked: c.OpenRLHFRequest) -> c.OpenRLHFAnswer:
        """OpenRLHF's remote reward model (``--remote_rm_url``)."""
        rewards, uncertainties = await score(lambda: _queries(model, asked))
        scores = [float(s) for s in expit(model.normalized(_array(rewards), "zscore"))]
        return c.OpenRLHFAnswer(
            rewards=rewards, scores=scores, extra_logs={"uncertainty": uncertainties}
        )

    @app.post("/v1/score/evaluation")
    async def llama_factory(asked: c.LlamaFactoryRequest) -> c.LlamaFactoryAnswer:
        """LLaMA-Factory's reward model server (``reward_model_type: api``)."""
        rewards, _ = await score(lambda: [model.encode_rendered(text) for text in asked.messages])
        return c.LlamaFactoryAnswer(
            id=f"scoreeval-{uuid.uuid4().hex}", model=asked.model or name, scores=rewards
        )

    @app.post("/v1/rerank", response_model_exclude_none=True)
    async def rerank(asked: c.RerankRequest) -> c.RerankAnswer:
        """Cohere's and Jina's rerankers: documents sorted by reward, its sigmoid among training rewards as relevance."""
        documents = [d if isinstance(d, str) else d.text for d in asked.documents]
        rewards, _ = await score(lambda: [model.encode(asked.query, text) for text in documents])
        relevance = model.normalized(_array(rewards), "sigmoid").tolist()
        order = sorted(range(len(documents)), key=lambda i: -rewards[i])[: asked.top_n]
        shown = {
            i: c.Document(text=documents[i]) if asked.return_documents else None for i in order
        }
        results = [
            c.RerankResult(index=i, relevance_score=relevance[i], document=shown[i]) for i in order
        ]
        return c.RerankAnswer(id=uuid.uuid4().hex, model=asked.model or name, results=results)


def _array(values: list[float]) -> Array:
    return np.array(values, dtype=np.float64)


def _texts(model: RewardModel, asked: c.ScoreRequest) -> list[Text]:
    if asked.messages is not None and asked.prompts is None and asked.responses is None:
        return [
            model.encode_messages(messages, f"messages[{i}]")
            for i, messages in enumerate(asked.messages)
        ]
    if asked.messages is not None or asked.prompts is None or asked.responses is None:
        raise InputError("send prompts and responses, or messages")
    if len(asked.prompts) != len(asked.responses):
        raise InputError(
            f"{len(asked.prompts)} prompts and {len(asked.responses)} responses; send as many of both"
        )
    return [
        model.encode(p, r, f"[{i}]")
        for i, (p, r) in enumerate(zip(asked.prompts, asked.responses, strict=True))
    ]


def _queries(model: RewardModel, asked: c.OpenRLHFRequest) -> list[Text]:
    """A query that holds control tokens is a rendered conversation; else it is a prompt and what follows it."""
    prompts = asked.prompts if asked.prompts is not None else [""] * len(asked.query)
    if len(prompts) != len(asked.query):
        raise InputError(
            f"{len(prompts)} prompts and {len(asked.query)} queries; send as many of both"
        )
    found = []
    for i, (query, prompt) in enumerate(zip(asked.query, prompts, strict=True)):
        if model.renderer.is_rendered(query):
            found.append(model.encode_rendered(query))
        elif prompt and query.startswith(prompt):
            found.append(model.encode(prompt, query[len(prompt) :], f"[{i}]"))
        else:
            raise InputError(
                f"query[{i}] is no rendered conversation and does not begin with prompts[{i}]"
            )
    return found


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(InputError)
    async def unusable(_: Request, error: InputError) -> JSONResponse:
        return JSONResponse({"error": _printable(str(error))}, 422)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        """Where and why, without what was sent."""
        if "json" not in request.headers.get("content-type", ""):
            return JSONResponse(
                {"error": "send JSON, and the header Content-Type: application/json"}, 422
            )
        reasons = [
            f"{'.'.join(map(str, e['loc'][1:])) or 'body'}: {e['msg']}" for e in error.errors()[:5]
        ]
        return JSONResponse({"error": _printable("; ".join(reasons))}, 422)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse(
            {"error": _printable(str(error.detail))}, error.status_code, error.headers
        )

    @app.exception_handler(Busy)
    async def busy(_: Request, error: Busy) -> JSONResponse:
        return JSONResponse(
            {"error": f"{error}; try again"}, 503, {"Retry-After": str(RETRY_SECONDS)}
        )


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _add_metrics(app: FastAPI, batcher: Batcher) -> None:
    registry = CollectorRegistry()
    requests = Counter(
        "mlx_reward_requests", "Requests by path and status", ["path", "status"], registry=registry
    )
    seconds = Histogram(
        "mlx_reward_request_seconds", "Time to answer, by path", ["path"], registry=registry
    )
    Gauge("mlx_reward_waiting_texts", "Texts not answered yet", registry=registry).set_function(
        lambda: batcher.waiting
    )

    @app.middleware("http")
    async def count(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        begun = time.perf_counter()
        response = await call_next(request)
        route = request.scope.get("route")
        path = getattr(
            route, "path", "other"
        )  # not what was asked for: anyone can ask for anything
        requests.labels(path, str(response.status_code)).inc()
        seconds.labels(path).observe(time.perf_counter() - begun)
        return response

    @app.get("/metrics")
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
