"""One thread that scores for every thread but the main one.

MLX keeps two OS threads or more, for as long as the process lasts, for each Python thread that ever
runs something on it: its default stream, and ours (streams.py). A program that starts a thread for
each request would gather them without end. Batches of several callers take turns, one after the
other: two at once would be no quicker, for each takes all cores.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_NAME = "mlx-reward"
_worker = ThreadPoolExecutor(1, _NAME)  # its thread starts with the first call


def run_on_worker(function: Callable[[], T]) -> T:
    """Return ``function()``, run by the worker unless the main thread or the worker calls.

    What it returns must be evaluated, for an MLX array is computed by the thread that makes it.
    """
    caller = threading.current_thread()
    if caller is threading.main_thread() or caller.name.startswith(_NAME):
        return function()
    return _worker.submit(function).result()
