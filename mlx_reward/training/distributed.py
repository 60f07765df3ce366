"""Data parallelism: processes that ``mlx.launch`` started share the pairs and sum the gradients."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_map

from mlx_reward.utils.errors import InputError

T = TypeVar("T")
RESTART = "restart all processes; training resumes at the last saved step"
LOST = ("peer", "[ring]", "[mpi]", "nccl", "connection")  # in errors of MLX when a process is lost


@dataclass(frozen=True)
class DataParallel:
    """This process is number ``rank`` of ``size``.

    All processes have to call ``all_sum`` and ``check_equal`` in the same order.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def init(cls) -> "DataParallel":
        """Return the group that ``mlx.launch`` started, or a single process without it."""
        group = mx.distributed.init()
        return cls(rank=group.rank(), size=group.size())

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def deal(self, batches: Sequence[T]) -> Sequence[T]:
        """Return this process's share of batches that get smaller, dealt out in turn."""
        return batches[self.rank :: self.size]

    def all_sum(self, tree: Any) -> Any:
        """Return the sum over all processes of a tree of arrays."""
        if self.size == 1:
            return tree
        averages = nn.average_gradients(tree)  # unlike mx's all_sum, it sends small arrays together
        return tree_map(lambda average: average * self.size, averages)

    def check_equal(self, name: str, value: int) -> None:
        """Raise InputError where ``value`` is not the same in all processes."""
        if self.size == 1:
            return
        values: Any = mx.distributed.all_gather(mx.array([value])).tolist()
        if any(other != value for other in values):
            listed = ", ".join(f"{other} on rank {rank}" for rank, other in enumerate(values))
            raise InputError(
                f"the processes do not agree on {name}: {listed}; "
                "give every machine the same files (`dvc pull`, or copy them)"
            )

    @contextmanager
    def explain_lost_process(self) -> Iterator[None]:
        """While open, turn the loss of another process into an InputError with the remedy.

        Either MLX's communication fails here, or ``mlx.launch`` noticed first and sends SIGTERM.
        """
        if self.size == 1:
            yield
            return
        previous = signal.signal(signal.SIGTERM, _raise_terminated)
        try:
            yield
        except RuntimeError as error:
            message = str(error).lower()
            if not any(word in message for word in LOST):
                raise
            raise InputError(f"another process was lost ({error}); {RESTART}") from None
        finally:
            signal.signal(signal.SIGTERM, previous)


def _raise_terminated(*_: object) -> None:
    raise InputError(f"terminated, as mlx.launch does when another process is lost; {RESTART}")


SINGLE_PROCESS = DataParallel()
