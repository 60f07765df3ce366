"""Answers to requests that fail: ``{"error": ...}`` with one line and the fitting status.

What was sent is never repeated in full. ``STATUSES`` documents each status in /openapi.json.
"""

import re
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from mlx_reward.inference.reward_model import NotFinite
from mlx_reward.server.batching import Stopping
from mlx_reward.server.scorer import Busy, TooManyTexts
from mlx_reward.utils.errors import InputError

RETRY_SECONDS = 1
MAX_REASONS = 5
RETRY = {"Retry-After": str(RETRY_SECONDS)}


class Error(BaseModel):
    """The reason, in one line."""

    error: str


MEANINGS = {
    400: "The body is not JSON",
    401: "The bearer token is missing or wrong",
    408: "The body did not arrive in time",
    413: "The body has too many bytes, or the request more texts than may wait",
    421: "The header Host names another host",
    422: "The input is unusable",
    500: "The model gives no finite reward, or this program is wrong",
    503: "Too many texts wait, or the server is stopping; try again",
}
STATUSES: dict[int | str, dict[str, object]] = {
    status: {"model": Error, "description": meaning} for status, meaning in MEANINGS.items()
}


def add_error_handlers(app: FastAPI) -> None:
    """Add a handler to ``app`` for each kind of failure."""

    @app.exception_handler(InputError)
    async def unusable_input(_: Request, error: InputError) -> JSONResponse:
        return _error_answer(str(error), 422)

    @app.exception_handler(NotFinite)
    async def not_finite(_: Request, error: NotFinite) -> JSONResponse:
        return _error_answer(str(error), 500)

    @app.exception_handler(RequestValidationError)
    async def invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
        if "json" not in request.headers.get("content-type", ""):
            return _error_answer("send JSON, and the header Content-Type: application/json", 422)
        reasons = []
        for details in error.errors()[:MAX_REASONS]:
            field = ".".join(_names(details["loc"][1:])) or "body"
            reasons.append(f"{field:.80}: {details['msg']}")
        return _error_answer("; ".join(reasons), 422)

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> JSONResponse:
        return _error_answer(str(error.detail), error.status_code, error.headers)

    @app.exception_handler(TooManyTexts)
    async def too_many_texts(_: Request, error: TooManyTexts) -> JSONResponse:
        return _error_answer(str(error), 413)

    @app.exception_handler(Busy)
    async def busy(_: Request, error: Busy) -> JSONResponse:
        return _error_answer(f"{error}; try again", 503, RETRY)

    @app.exception_handler(Stopping)
    async def stopping(_: Request, error: Stopping) -> JSONResponse:
        return _error_answer("the server is stopping", 503, RETRY | {"Connection": "close"})

    @app.exception_handler(Exception)
    async def our_fault(_: Request, error: Exception) -> JSONResponse:
        return _error_answer("the server failed; its log says why", 500)


def _names(place: tuple[int | str, ...]) -> list[str]:
    """Return the fields on the way to ``place``, without the kind of a request, as in "<own>"."""
    return [str(part) for part in place if not re.fullmatch("<.*>", str(part))]


def _error_answer(
    message: str, status: int, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    printable = message.encode("utf-8", "backslashreplace").decode()  # a lone surrogate is not
    return JSONResponse({"error": printable}, status, headers)
