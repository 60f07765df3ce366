"""A request is bounded in bytes and time, and its sender known, before any route sees it."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from mlx_reward.server import limits
from mlx_reward.server.limits import Bodies, KnownHosts, Message

SCOPE = {"type": "http", "headers": [], "path": "/"}


class Conversation:
    """A request as the server sees it: ``pieces`` of its body, then what ``ending`` says."""

    def __init__(self, pieces: list[bytes], ending: str = "connected") -> None:
        self.pieces = pieces
        self.ending = ending
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        if self.pieces:
            body = self.pieces.pop(0)
            return {"type": "http.request", "body": body, "more_body": self.more_to_come}
        if self.ending == "hung up":
            return {"type": "http.disconnect"}
        await asyncio.Event().wait()
        raise AssertionError

    @property
    def more_to_come(self) -> bool:
        return bool(self.pieces) or self.ending == "half sent"

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])


async def echo(scope: Any, receive: Any, send: Any) -> None:
    message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


def bodies(app: Any = echo, limit: int = 100, seconds: float = 5.0) -> Bodies:
    return Bodies(app, limit, seconds, asyncio.Event())


def run(app: Callable[..., Any], request: Conversation, scope: dict[str, Any] = SCOPE) -> None:
    asyncio.run(app(scope, request.receive, request.send))


def test_a_body_arrives_whole() -> None:
    request = Conversation([b"a" * 60, b"b" * 40])
    run(bodies(), request)
    assert request.sent[1]["body"] == b"a" * 60 + b"b" * 40


def test_a_body_that_does_not_arrive_in_time_is_refused() -> None:
    """60 half-sent bodies held the server for a minute after SIGTERM."""
    request = Conversation([b"{"], "half sent")
    run(bodies(seconds=0.05), request)
    assert (request.status, request.headers[b"connection"]) == (408, b"close")


def test_a_body_that_has_not_arrived_when_the_server_stops_is_refused() -> None:
    request = Conversation([b"{"], "half sent")
    app = bodies()

    async def stop_meanwhile() -> None:
        answering = asyncio.ensure_future(app(SCOPE, request.receive, request.send))
        await asyncio.sleep(0.01)
        assert request.status is None
        app.stopping.set()
        await asyncio.wait_for(answering, 1)

    asyncio.run(stop_meanwhile())
    assert request.status == 503


def test_a_client_that_hangs_up_ends_the_work_for_it() -> None:
    ended: list[str] = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    request = Conversation([b"{}"], "hung up")
    run(bodies(slow), request)
    assert (ended, request.sent) == (["cancelled"], [])


def test_a_client_that_hangs_up_within_its_body_gets_nothing() -> None:
    request = Conversation([b"{", b""], "hung up")
    request.pieces = []
    run(bodies(), request)
    assert request.sent == []


def test_large_bodies_are_not_held_without_number_and_small_ones_always_get_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "SMALL", 10)
    app = bodies(limit=100)

    async def many() -> tuple[list[int | None], int | None, int]:
        held = [Conversation([b"x" * 90], "half sent") for _ in range(12)]
        tasks = [asyncio.ensure_future(app(SCOPE, r.receive, r.send)) for r in held]
        await asyncio.sleep(0.01)
        small = Conversation([b"x" * 10])
        await app(SCOPE, small.receive, small.send)
        refused = [request.status for request in held]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return refused, small.status, app._held

    refused, small, held = asyncio.run(many())
    assert refused.count(503) == 4  # 8 times 90 bytes are held, of 8 times 100
    assert small == 200
    assert held == 0


def test_memory_is_given_back_once_after_large_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stayed at 3.4 GB after three requests: glibc was told to keep what is freed."""
    given_back: list[float] = []
    monkeypatch.setattr(limits, "LARGE", 50)
    monkeypatch.setattr(limits, "GIVE_BACK_SECONDS", 0.02)
    monkeypatch.setattr(limits, "give_back_memory", lambda: given_back.append(1))

    async def requests() -> None:
        app = bodies()
        for size in (60, 60, 10):
            request = Conversation([b"x" * size])
            await app(SCOPE, request.receive, request.send)
        await asyncio.sleep(0.1)

    asyncio.run(requests())
    assert len(given_back) == 1


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost:8000", True),
        ("LOCALHOST", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("[::1]", True),
        ("evil.example:8000", False),
        ("localhost.evil.example", False),
        ("localhost@evil.example", False),
        ("[::1].evil.example", False),
        ("evil.example:localhost", False),
        ("", False),
    ],
)
def test_only_known_hosts_are_served_without_a_token(host: str, known: bool) -> None:
    """A web page whose name points to 127.0.0.1 could read the answers (DNS rebinding)."""
    app = KnownHosts(echo, {"localhost", "127.0.0.1", "::1"})
    request = Conversation([b"{}"])
    run(app, request, SCOPE | {"headers": [(b"host", host.encode())]})
    assert request.status == (200 if known else 421)
    if not known:
        assert "the header Host is not" in json.loads(request.sent[1]["body"])["error"]
