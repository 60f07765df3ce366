"""Batches across requests: one thread scores the texts of all requests that have gathered.

A batch is as large as fills the machine, or holds what arrived within a short wait.
"""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from mlx_reward.inference.reward_model import EncodedText
from mlx_reward.utils.arrays import Array

Scores = tuple[Array, Array]  # rewards (N,) and their uncertainties (N,)


class Busy(Exception):
    """More texts wait than the queue may hold."""


@dataclass(frozen=True)
class _Job:
    """The texts of one request and the future that its route awaits."""

    texts: list[EncodedText]
    scores: "Future[Scores]"

    @property
    def token_count(self) -> int:
        return sum(len(text) for text in self.texts)


class Batcher:
    """Scores texts on a thread of its own, about ``batch_tokens`` tokens at once.

    A batch waits at most ``wait`` seconds for more jobs.
    """

    def __init__(
        self,
        score: Callable[[list[EncodedText]], Scores],
        batch_tokens: int,
        wait: float,
        max_waiting: int,
    ) -> None:
        self._score = score
        self._batch_tokens = batch_tokens
        self._wait = wait
        self._max_waiting = max_waiting
        self._jobs: queue.Queue[_Job | None] = queue.Queue()  # None: no more jobs will come
        self._waiting = 0
        self._waiting_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="scoring", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Texts that were accepted and are not answered yet."""
        return self._waiting

    def submit(self, texts: list[EncodedText]) -> "Future[Scores]":
        """Return a future of the scores of ``texts``; raises Busy if too many texts wait."""
        with self._waiting_lock:
            if self._waiting and self._waiting + len(texts) > self._max_waiting:
                raise Busy(f"{self._waiting} texts are waiting")
            self._waiting += len(texts)
        job = _Job(texts, Future())
        self._jobs.put(job)
        return job.scores

    def close(self) -> None:
        """Answer the accepted jobs, then stop the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            batch, more_may_come = self._gather(first)
            self._answer(batch)
            if not more_may_come:
                return

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        """Return the jobs that arrive until the batch is full or the wait is over.

        The second value is whether more jobs may come.
        """
        batch = [first]
        token_count = first.token_count
        deadline = time.monotonic() + self._wait
        while token_count < self._batch_tokens:
            try:
                job = self._jobs.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if job is None:
                return batch, False
            batch.append(job)
            token_count += job.token_count
        return batch, True

    def _answer(self, batch: list[_Job]) -> None:
        """Score the jobs together and set the result, or the failure, of each."""
        try:
            rewards, uncertainties = self._score([text for job in batch for text in job.texts])
            start = 0
            for job in batch:
                end = start + len(job.texts)
                job.scores.set_result((rewards[start:end], uncertainties[start:end]))
                start = end
        except Exception as error:  # the thread goes on; the clients get the error
            for job in batch:
                if not job.scores.done():
                    job.scores.set_exception(error)
        finally:
            with self._waiting_lock:
                self._waiting -= sum(len(job.texts) for job in batch)
