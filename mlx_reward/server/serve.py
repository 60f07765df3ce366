"""The server process: load the model, then serve until a signal stops it.

Any address but loopback needs a token.
"""

import asyncio
import ipaddress
import os
import socket
from pathlib import Path

import uvicorn

from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.server.app import Application, Limits, create_app
from mlx_reward.server.connections import Connection
from mlx_reward.utils.errors import InputError

TOKEN_VARIABLE = "MLX_REWARD_TOKEN"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def serve(
    folder: Path, base: Path | None, host: str, port: int, limits: Limits, grace: float
) -> None:
    """Serve the model in ``folder`` over the backbone ``base``.

    At any address but loopback, clients must send the token in the environment variable
    MLX_REWARD_TOKEN; InputError if it is not set. After SIGTERM or Ctrl-C the server is gone within
    ``grace`` seconds.
    """
    token = os.environ.get(TOKEN_VARIABLE) or None
    if token is None and not _is_loopback(host):
        raise InputError(
            f"--host {host} is open to others; set {TOKEN_VARIABLE} to a token that they have to "
            "show, or use 127.0.0.1"
        )
    model = RewardModel.load(folder, base)
    app = create_app(model, folder.name, token, {*LOOPBACK, host}, limits)
    Server(app, host, port, grace).run()


class Server(uvicorn.Server):
    """uvicorn's server, which answers what it has accepted with a reward or a 503 as it stops."""

    def __init__(self, app: Application, host: str, port: int, grace: float) -> None:
        config = uvicorn.Config(
            app.asgi,
            host=host,
            port=port,
            http=Connection,
            ws="none",
            access_log=False,
        )
        super().__init__(config)
        self._app = app
        self._grace = grace

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse what is new, answer what waits until nine tenths of the grace, refuse the rest."""
        self._app.stop_admitting()
        # A connection that stays open all the same is cut off.
        self.config.timeout_graceful_shutdown = 0.95 * self._grace  # type: ignore[assignment]
        asyncio.get_running_loop().call_later(0.9 * self._grace, self._app.scorer.close)
        await super().shutdown(sockets)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
