"""Whether a model runs as a CPU runs it best: float32, without padding, a stream for each core.

Else it takes the accelerator's way: weights as they are stored, padded batches, one stream, and
nothing of this room.
"""

import os

VARIABLE = (
    "MLX_REWARD_WAY"  # of the environment; "accelerator" makes a CPU take that way, for tests
)


def forced_accelerator_way() -> bool:
    """Return whether the environment asks for the accelerator's way whatever the device."""
    return os.environ.get(VARIABLE) == "accelerator"


def takes_cpu_way() -> bool:
    """Return whether MLX's default device is a CPU that runs as one."""
    import mlx.core as mx  # here, for prepare must be done before MLX is loaded

    return not forced_accelerator_way() and mx.default_device() == mx.Device(mx.cpu)
