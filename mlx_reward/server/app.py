"""The HTTP application, put together: limits, error answers, metrics and routes.

A request passes the limits, its route builds the texts, the scorer encodes them and waits for the
batch that scores them, and the route turns the rewards into the answer.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.server.contracts import (
    llama_factory,
    openrlhf,
    predict,
    rerank,
    sglang,
    slime,
    vllm,
)
from mlx_reward.server.contracts.served import Served
from mlx_reward.server.errors import STATUSES, add_error_handlers
from mlx_reward.server.limits import BearerToken, Bodies, KnownHosts
from mlx_reward.server.metrics import CountRequests, Metrics
from mlx_reward.server.page import add_page
from mlx_reward.server.routes import add_routes
from mlx_reward.server.scorer import Scorer

CONTRACTS = (openrlhf, llama_factory, rerank, predict, vllm, sglang, slime)
LAST_BATCH_SECONDS = 0.5  # that the process waits for a batch whose clients have their answer


@dataclass(frozen=True)
class Limits:
    """What clients may do.

    ``wait``: how long a batch waits for more requests, in seconds.
    ``max_waiting``: how many texts may wait.
    ``max_body``: bytes of a request, which have to arrive within ``body_seconds``.
    """

    wait: float = 0.005
    max_waiting: int = 10_000
    max_body: int = 8 << 20
    body_seconds: float = 30.0


@dataclass(frozen=True)
class Application:
    """The ASGI application and what is needed to stop it."""

    asgi: FastAPI
    scorer: Scorer
    stopping: asyncio.Event

    def stop_admitting(self) -> None:
        """Refuse new texts, and bodies that have not arrived; what waits is still answered."""
        self.scorer.stop_admitting()
        self.stopping.set()


def create_app(
    model: RewardModel, name: str, token: str | None, hosts: Collection[str], limits: Limits
) -> Application:
    """Return the application that serves ``model`` under ``name``.

    Clients must send the bearer ``token``, or without one ask for one of ``hosts``.
    """
    scorer = Scorer(model, limits.wait, limits.max_waiting)
    stopping = asyncio.Event()

    @asynccontextmanager
    async def close_scorer_at_shutdown(_: FastAPI) -> AsyncIterator[None]:
        yield
        scorer.close()
        scorer.join(LAST_BATCH_SECONDS)

    app = FastAPIOffline(
        title="mlx-reward",
        description=f"Rewards of {name}.",
        lifespan=close_scorer_at_shutdown,
        responses=STATUSES,
    )
    metrics = Metrics(lambda: scorer.waiting)
    # Each is put around those before it.
    app.add_middleware(
        Bodies, limit=limits.max_body, seconds=limits.body_seconds, stopping=stopping
    )
    if token is None:
        app.add_middleware(KnownHosts, hosts=hosts)
    else:
        app.add_middleware(BearerToken, token=token)
    app.add_middleware(CountRequests, metrics=metrics)
    add_error_handlers(app)
    metrics.add_route(app)
    served = Served(model, name, scorer)
    add_routes(app, served)
    for contract in CONTRACTS:
        contract.add_routes(app, served)
    add_page(app)
    return Application(app, scorer, stopping)
