"""The HTTP application, put together: limits, error answers, metrics and routes.

A request passes the limits, its route builds the texts, the scorer encodes them and waits for the
batch that scores them, and the route turns the rewards into the answer.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.server.compatible_routes import add_compatible_routes
from mlx_reward.server.errors import add_error_handlers
from mlx_reward.server.limits import BearerToken, BodyLimit
from mlx_reward.server.metrics import add_metrics
from mlx_reward.server.routes import add_routes
from mlx_reward.server.scorer import Scorer


def create_app(
    model: RewardModel, name: str, token: str | None, wait: float, max_waiting: int, max_body: int
) -> FastAPI:
    """Return the application that serves ``model`` under ``name``.

    ``token`` is the bearer token that clients must send, or None. ``wait`` is how long a batch
    waits for more requests, in seconds; ``max_waiting`` limits the texts that wait and
    ``max_body`` the bytes of a request.
    """
    scorer = Scorer(model, wait, max_waiting)

    @asynccontextmanager
    async def close_scorer_at_shutdown(_: FastAPI) -> AsyncIterator[None]:
        yield
        scorer.close()

    app = FastAPIOffline(
        title="mlx-reward",
        description=f"Rewards of {name}.",
        lifespan=close_scorer_at_shutdown,
    )
    app.add_middleware(BodyLimit, limit=max_body)
    if token is not None:
        app.add_middleware(BearerToken, token=token)
    add_error_handlers(app)
    add_metrics(app, scorer)
    add_routes(app, model, name, scorer)
    add_compatible_routes(app, model, name, scorer)
    return app
