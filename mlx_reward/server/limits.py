"""What a request may be: its size, and who sends it."""

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
OPEN = ("/health",)  # for load balancers, which carry no token


class BodyLimit:
    """Answers 413 to a body of more than ``limit`` bytes, announced or not, without reading it to its end."""

    def __init__(self, app: App, limit: int) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = f"the body is over {self.limit} bytes; send fewer texts at once"
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self.limit:
            await JSONResponse({"error": refusal}, 413)(scope, receive, send)
            return
        came = 0

        async def limited() -> MutableMapping[str, Any]:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > self.limit:
                raise HTTPException(413, refusal)
            return message

        await self.app(scope, limited, send)


class BearerToken:
    """Answers 401 to whoever does not show ``token``."""

    def __init__(self, app: App, token: str) -> None:
        self.app, self.expected = app, f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN:
            shown = dict(scope["headers"]).get(b"authorization", b"")
            if not secrets.compare_digest(shown, self.expected):
                headers = {"WWW-Authenticate": "Bearer"}
                await JSONResponse(
                    {"error": "send Authorization: Bearer and the token"}, 401, headers
                )(scope, receive, send)
                return
        await self.app(scope, receive, send)
