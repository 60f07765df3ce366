"""Run the server until it is told to stop; it answers what it has accepted first."""

import ipaddress
import os
from pathlib import Path

import uvicorn

from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.server.app import create_app
from mlx_reward.utils.errors import InputError

TOKEN = "MLX_REWARD_TOKEN"
WAIT = 0.005  # seconds that a text waits for company
GRACE = 60  # seconds to answer what was accepted


def serve(
    folder: Path, base: Path | None, host: str, port: int, max_waiting: int, max_body: int
) -> None:
    """Serve the model in ``folder``. At any other address than loopback one has to show the token in MLX_REWARD_TOKEN."""
    token = os.environ.get(TOKEN) or None
    if token is None and not _is_loopback(host):
        raise InputError(
            f"--host {host} is open to others; set {TOKEN} to a token that they have to show, or use 127.0.0.1"
        )
    model = RewardModel.load(folder, base)
    app = create_app(model, folder.name, token, WAIT, max_waiting, max_body)
    uvicorn.run(app, host=host, port=port, timeout_graceful_shutdown=GRACE, access_log=False)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
