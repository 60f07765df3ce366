"""ASGI middleware that refuses requests before any route sees them.

``Bodies`` bounds what a request may send and how long it may take, ``KnownHosts`` and
``BearerToken`` who may send one.
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

from starlette.responses import JSONResponse

from mlx_reward.cpu.prepare import give_back_memory

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
# Load balancers carry no token, and the page, which holds no secret, has to ask for it.
OPEN_PATHS = ("/health", "/")

SMALL = 64 << 10  # bytes; smaller bodies are read however many others are held
LARGE = 1 << 20  # bytes; after larger ones memory is given back
HELD = 8  # largest bodies that are held at once
GIVE_BACK_SECONDS = 2.0  # after a large body


_HOST = re.compile(r"(?:\[([^]]+)\]|([^:]+))(?::\d*)?")  # an address of IPv6 or a name, and a port


class _Refused(Exception):
    """A body that is not read to its end; ``status`` is the answer's."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class _Gone(Exception):
    """The client hung up."""


class Bodies:
    """Reads the body of a request, then hands it to the application whole.

    A body of more than ``limit`` bytes gets 413, one that takes longer than ``seconds`` 408, and
    what is not read when ``stopping`` is set 503. So does a body that comes while others take up
    HELD times ``limit`` bytes. While the application works, a client that hangs up ends its work.
    """

    def __init__(self, app: App, limit: int, seconds: float, stopping: asyncio.Event) -> None:
        self.app = app
        self.limit = limit
        self.seconds = seconds
        self.stopping = stopping
        self._held = 0  # bytes of bodies, of all requests
        self._giving_back = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = bytearray()
        try:
            await self._read(scope, receive, body)
            await _until_gone(self.app(scope, _replayed(bytes(body)), send), receive)
        except _Refused as refusal:
            answer = _refusal(refusal.status, refusal.reason, {"Connection": "close"})
            await answer(scope, receive, send)
        except _Gone:
            return
        finally:
            self._held -= len(body)
            if len(body) > LARGE and not self._giving_back:
                self._giving_back = True
                asyncio.get_running_loop().call_later(GIVE_BACK_SECONDS, self._give_back)

    def _give_back(self) -> None:
        self._giving_back = False
        give_back_memory()

    async def _read(self, scope: Scope, receive: Receive, body: bytearray) -> None:
        """Read into ``body``; raises _Refused or _Gone."""
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self.limit:
            raise self._too_large()
        reading = asyncio.ensure_future(self._receive_all(receive, body))
        stopping = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait(
                {reading, stopping}, timeout=self.seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if reading.done():
                reading.result()
            elif stopping.done():
                raise _Refused(503, "the server is stopping")
            else:
                raise _Refused(408, f"the body did not arrive within {self.seconds:g} seconds")
        finally:
            reading.cancel()
            stopping.cancel()

    async def _receive_all(self, receive: Receive, body: bytearray) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            piece = message.get("body", b"")
            body += piece
            self._held += len(piece)
            # Content-Length can be missing, so what arrives is counted as well.
            if len(body) > self.limit:
                raise self._too_large()
            if len(body) > SMALL and self._held > HELD * self.limit:
                raise _Refused(503, "too many large requests at once; try again")
            more = message.get("more_body", False)

    def _too_large(self) -> _Refused:
        return _Refused(413, f"the body is over {self.limit} bytes; send fewer texts at once")


def _replayed(body: bytes) -> Receive:
    """Return a ``receive`` that gives ``body`` once, and then nothing for ever."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets that event")

    return receive


async def _until_gone(work: Awaitable[None], receive: Receive) -> None:
    """Await ``work``; cancel it where the client hangs up first."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(receive())  # which returns then; there is no more body
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise _Gone
        working.result()
    finally:
        gone.cancel()
        working.cancel()


class KnownHosts:
    """Answers 421 to requests for other hosts than ``hosts``.

    A page of any web site can make its own name point to 127.0.0.1 and then read this server's
    answers (DNS rebinding), but its requests carry that name.
    """

    def __init__(self, app: App, hosts: Collection[str]) -> None:
        self.app = app
        self.hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").lower()
            found = _HOST.fullmatch(host)
            if found is None or (found[1] or found[2]) not in self.hosts:
                known = ", ".join(sorted(self.hosts))
                error = f"the header Host is not one of {known}; set MLX_REWARD_TOKEN for others"
                await _refusal(421, error)(scope, receive, send)
                return
        await self.app(scope, receive, send)


class BearerToken:
    """Answers 401 to requests without the bearer token."""

    def __init__(self, app: App, token: str) -> None:
        self.app = app
        self.expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            sent = dict(scope["headers"]).get(b"authorization", b"")
            if not secrets.compare_digest(sent, self.expected):
                error = "send Authorization: Bearer and the token"
                answer = _refusal(401, error, {"WWW-Authenticate": "Bearer"})
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _refusal(status: int, reason: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": reason}, status, headers)
