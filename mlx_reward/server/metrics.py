"""The server's metrics for Prometheus, at /metrics.

Requests by route and status, the time to answer them, and the texts that wait.
"""

import time
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from mlx_reward.server.scorer import Scorer


def add_metrics(app: FastAPI, scorer: Scorer) -> None:
    """Count every request of ``app`` and add the route that shows the counts."""
    registry = CollectorRegistry()
    requests = Counter(
        "mlx_reward_requests", "Requests by path and status", ["path", "status"], registry=registry
    )
    seconds = Histogram(
        "mlx_reward_request_seconds", "Time to answer, by path", ["path"], registry=registry
    )
    waiting = Gauge("mlx_reward_waiting_texts", "Texts not answered yet", registry=registry)
    waiting.set_function(lambda: scorer.waiting)

    @app.middleware("http")
    async def count(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        start = time.perf_counter()
        response = await call_next(request)
        path = _route_path(request)
        requests.labels(path, str(response.status_code)).inc()
        seconds.labels(path).observe(time.perf_counter() - start)
        return response

    @app.get("/metrics")
    async def metrics() -> Response:
        """Return the metrics in Prometheus' text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _route_path(request: Request) -> str:
    """Return the path of the matched route, or "other".

    The path in the request is not used: clients could fill memory with paths of their own.
    """
    return getattr(request.scope.get("route"), "path", "other")
