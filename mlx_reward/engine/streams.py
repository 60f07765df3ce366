"""MLX runs the elementwise work of one stream on one CPU core, so a batch is dealt to as many
streams as there are cores.
"""

import threading

import mlx.core as mx

from mlx_reward.cpu.way import takes_cpu_way
from mlx_reward.utils import process
from mlx_reward.utils.machine import cores

_of_this_thread = threading.local()


def streams() -> list[mx.Stream]:
    """Return streams to run a batch on: one a core on the CPU, the default one on a GPU, which
    keeps itself busy.

    They are made once for each thread, for a stream belongs to the thread that makes it and lasts
    as long as the process. InputError in a child that was forked from it.
    """
    process.claim()
    device = mx.default_device()
    if not takes_cpu_way():
        return [mx.default_stream(device)]
    if not hasattr(_of_this_thread, "streams"):
        _of_this_thread.streams = [mx.new_stream(device) for _ in range(cores())]
    made: list[mx.Stream] = _of_this_thread.streams
    return made
