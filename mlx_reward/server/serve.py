"""The server process: load the model, then serve until a signal stops it.

Accepted requests are answered first; any address but loopback needs a token.
"""

import ipaddress
import os
from pathlib import Path

import uvicorn

from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.server.app import create_app
from mlx_reward.utils.errors import InputError

TOKEN_VARIABLE = "MLX_REWARD_TOKEN"
WAIT = 0.005  # seconds that a batch waits for more requests
GRACE = 60  # seconds to answer what was accepted before the stop


def serve(
    folder: Path, base: Path | None, host: str, port: int, max_waiting: int, max_body: int
) -> None:
    """Serve the model in ``folder`` over the backbone ``base``.

    At any address but loopback, clients must send the token in the environment variable
    MLX_REWARD_TOKEN; InputError if it is not set.
    """
    token = os.environ.get(TOKEN_VARIABLE) or None
    if token is None and not _is_loopback(host):
        raise InputError(
            f"--host {host} is open to others; set {TOKEN_VARIABLE} to a token that they have to "
            "show, or use 127.0.0.1"
        )
    model = RewardModel.load(folder, base)
    app = create_app(
        model, folder.name, token=token, wait=WAIT, max_waiting=max_waiting, max_body=max_body
    )
    uvicorn.run(app, host=host, port=port, timeout_graceful_shutdown=GRACE, access_log=False)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
