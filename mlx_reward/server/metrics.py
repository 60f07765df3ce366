"""The server's metrics for Prometheus, at /metrics.

Requests by route and status, the time to answer them, and the texts that wait.
"""

import time
from collections.abc import Callable

from fastapi import FastAPI, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from mlx_reward.server.limits import App, Message, Receive, Scope, Send

CLIENT_GONE = "499"  # nginx's status for a client that hung up before its answer


class Metrics:
    """What is counted; ``waiting`` returns how many texts wait."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "mlx_reward_requests",
            "Requests by path and status",
            ["path", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "mlx_reward_request_seconds",
            "Time to answer, by path",
            ["path"],
            registry=self.registry,
        )
        gauge = Gauge("mlx_reward_waiting_texts", "Texts not answered yet", registry=self.registry)
        gauge.set_function(waiting)

    def add_route(self, app: FastAPI) -> None:
        """Add the route that shows the counts."""

        @app.get("/metrics", response_class=Response, responses={200: _PROMETHEUS})
        async def metrics() -> Response:
            """Return the metrics in Prometheus' text format."""
            return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


_PROMETHEUS = {"content": {"text/plain": {"schema": {"type": "string"}}}}


class CountRequests:
    """Counts every request that passes, whether it is refused, fails or is answered."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        status = CLIENT_GONE

        async def noted_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, noted_send)
        except Exception:
            status = "500"
            raise
        finally:
            path = _route_path(scope)
            self.metrics.requests.labels(path, status).inc()
            self.metrics.seconds.labels(path).observe(time.perf_counter() - start)


def _route_path(scope: Scope) -> str:
    """Return the path of the matched route, or "other".

    The path in the request is not used: clients could fill memory with paths of their own.
    """
    return getattr(scope.get("route"), "path", "other")
