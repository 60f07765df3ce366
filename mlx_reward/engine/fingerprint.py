"""What decides the last digits of a result: features of other code or another BLAS would make a run
that nobody can repeat.
"""

import mlx.core as mx

from mlx_reward.cpu import prepare
from mlx_reward.engine.streams import streams
from mlx_reward.utils.fingerprint import code_digest

ROOMS = ("cpu", "backbones", "model", "engine")  # that compute hidden states and rewards


def arithmetic(*rooms: str) -> str:
    """Return a key of the code of ROOMS and the further ``rooms``, library versions, device, BLAS
    and number of streams.
    """
    return (
        f"{code_digest((*ROOMS, *rooms))} {mx.default_device()} {prepare.status()} {len(streams())}"
    )
