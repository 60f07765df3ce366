"""Data parallel: the processes that ``mlx.launch`` started, alone or on several machines, share the work and its results."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_map
from numpy.typing import NDArray

from mlx_reward.utils.errors import InputError

T = TypeVar("T")
AGAIN = "start all of them again, and they go on from the last saved step"


@dataclass(frozen=True)
class DataParallel:
    """This process is number ``rank`` of ``size``. Every process has to call ``total`` and ``agree`` in the same order."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def part(self, members: NDArray[np.int64]) -> NDArray[np.int64]:
        """This process's share of (P,) members: neighbours, as even as it goes, perhaps none."""
        return np.array_split(members, self.size)[self.rank]

    def deal(self, work: Sequence[T]) -> Sequence[T]:
        """This process's share of a list of jobs that become smaller."""
        return work[self.rank :: self.size]

    def total(self, tree: Any) -> Any:
        """The sum over all processes of trees of arrays."""
        if self.size == 1:
            return tree
        return tree_map(
            lambda mean: mean * self.size, nn.average_gradients(tree)
        )  # which sends small arrays together

    def agree(self, what: str, value: int) -> None:
        """InputError where another process has another ``value`` (below 2^24)."""
        values = self.total(
            mx.array([value if i == self.rank else 0 for i in range(self.size)], dtype=mx.float32)
        ).tolist()
        if any(v != value for v in values):
            told = ", ".join(f"{v:.0f} on rank {i}" for i, v in enumerate(values))
            raise InputError(
                f"the ranks do not agree on {what}: {told}; give every machine the same files (`dvc pull`, a copy)"
            )

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While open, one line tells when another process was lost, found out here or by ``mlx.launch``, which ends all."""
        if self.size == 1:
            yield
            return
        before = signal.signal(signal.SIGTERM, _ended)
        try:
            yield
        except RuntimeError as error:
            if not any(
                word in str(error).lower()
                for word in ("peer", "[ring]", "[mpi]", "nccl", "connection")
            ):
                raise
            raise InputError(f"another rank was lost ({error}); {AGAIN}") from None
        finally:
            signal.signal(signal.SIGTERM, before)


def _ended(*_: object) -> None:
    raise InputError(f"ended from outside, as mlx.launch does when another rank is lost; {AGAIN}")


SINGLE_PROCESS = DataParallel()


def data_parallel() -> DataParallel:
    """Those of this job; alone where ``mlx.launch`` did not start it."""
    group = mx.distributed.init()
    return DataParallel(group.rank(), group.size())
