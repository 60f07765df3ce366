"""The process that MLX runs in. Its threads do not outlive a fork, after which a child waits for
them for ever.
"""

import os

from mlx_reward.utils.errors import InputError

_process: int | None = None  # the one that loaded a model


def claim() -> None:
    """Note that this process runs MLX; InputError in a child that was forked from one that did."""
    global _process
    if _process is None:
        _process = os.getpid()
    if _process != os.getpid():
        raise InputError(
            "this process was forked after a model was loaded, and MLX cannot go on in a fork; "
            "start it with multiprocessing.get_context('spawn') and load the model in it"
        )
