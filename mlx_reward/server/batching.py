"""Requests that arrive together run together: one thread scores what has gathered, in batches as large as fill the machine."""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from mlx_reward.utils.arrays import Array

Text = tuple[str, list[int]]  # a key, equal for equal prompts, and token ids
Scores = tuple[Array, Array]  # rewards (N,) and their uncertainties (N,)


class Busy(Exception):
    """More texts wait than the queue may hold."""


@dataclass(frozen=True)
class _Job:
    texts: list[Text]
    answer: "Future[Scores]"

    @property
    def tokens(self) -> int:
        return sum(len(tokens) for _, tokens in self.texts)


class Batcher:
    """Scores on a thread of its own, about ``batch_tokens`` at once; a batch waits at most ``wait`` seconds for company."""

    def __init__(
        self,
        score: Callable[[list[Text]], Scores],
        batch_tokens: int,
        wait: float,
        max_waiting: int,
    ) -> None:
        self._score = score
        self._batch_tokens = batch_tokens
        self._wait = wait
        self._max_waiting = max_waiting
        self._jobs: queue.Queue[_Job | None] = queue.Queue()
        self._waiting, self._lock = 0, threading.Lock()
        self._thread = threading.Thread(target=self._run, name="scoring", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Texts that were taken and are not answered yet."""
        return self._waiting

    def submit(self, texts: list[Text]) -> "Future[Scores]":
        """The scores of ``texts``, some time; Busy where too many wait already."""
        with self._lock:
            if self._waiting and self._waiting + len(texts) > self._max_waiting:
                raise Busy(f"{self._waiting} texts are waiting")
            self._waiting += len(texts)
        job = _Job(texts, Future())
        self._jobs.put(job)
        return job.answer

    def close(self) -> None:
        """Answer what was taken, then stop."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            batch, more = self._gather(first)
            self._answer(batch)
            if not more:
                return

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        """What comes until the batch is full or the wait is over, and whether there will be more."""
        batch, tokens, until = [first], first.tokens, time.monotonic() + self._wait
        while tokens < self._batch_tokens:
            try:
                job = self._jobs.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if job is None:
                return batch, False
            batch.append(job)
            tokens += job.tokens
        return batch, True

    def _answer(self, batch: list[_Job]) -> None:
        try:
            rewards, uncertainties = self._score([text for job in batch for text in job.texts])
            ends = np.cumsum([len(job.texts) for job in batch])[:-1]
            for job, *scores in zip(
                batch, np.split(rewards, ends), np.split(uncertainties, ends), strict=True
            ):
                job.answer.set_result((scores[0], scores[1]))
        except Exception as error:  # the thread must outlive it; whoever waits is told
            for job in batch:
                if not job.answer.done():
                    job.answer.set_exception(error)
        finally:
            with self._lock:
                self._waiting -= sum(len(job.texts) for job in batch)
