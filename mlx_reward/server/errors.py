"""Answers to requests that fail: ``{"error": ...}`` with one line and the fitting status.

422 is unusable input, 503 a full queue; what was sent is never repeated in full.
"""

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from mlx_reward.server.batching import Busy
from mlx_reward.utils.errors import InputError

RETRY_SECONDS = 1
MAX_REASONS = 5


def add_error_handlers(app: FastAPI) -> None:
    """Add a handler to ``app`` for each kind of failure."""

    @app.exception_handler(InputError)
    async def unusable_input(_: Request, error: InputError) -> JSONResponse:
        return _error_answer(str(error), 422)

    @app.exception_handler(RequestValidationError)
    async def invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
        if "json" not in request.headers.get("content-type", ""):
            return _error_answer("send JSON, and the header Content-Type: application/json", 422)
        reasons = []
        for details in error.errors()[:MAX_REASONS]:
            field = ".".join(str(part) for part in details["loc"][1:]) or "body"
            reasons.append(f"{field}: {details['msg']}")
        return _error_answer("; ".join(reasons), 422)

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> JSONResponse:
        return _error_answer(str(error.detail), error.status_code, error.headers)

    @app.exception_handler(Busy)
    async def busy(_: Request, error: Busy) -> JSONResponse:
        return _error_answer(f"{error}; try again", 503, {"Retry-After": str(RETRY_SECONDS)})


def _error_answer(
    message: str, status: int, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    printable = message.encode("utf-8", "backslashreplace").decode()  # a lone surrogate is not
    return JSONResponse({"error": printable}, status, headers)
