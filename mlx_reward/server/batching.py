"""Batches across requests: one thread scores the texts of all requests in turns.

A batch is as large as fills the machine, or holds what arrived within a short wait. A request of
many texts is scored in pieces of about a batch, and between two of them the others have their turn.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np

from mlx_reward.inference.reward_model import EncodedText
from mlx_reward.utils.arrays import Array

Scores = tuple[Array, ...]  # rewards (N,), their uncertainties (N,), and what else is known


class Stopping(Exception):
    """The server stops before it could score a text."""


class _Job:
    """The texts of one request, the pieces still to score, and the future that its route awaits.

    A piece is a list of indices of texts.
    """

    def __init__(self, texts: list[EncodedText], pieces: list[list[int]]) -> None:
        self.texts = texts
        self.pieces = deque(pieces)
        self.unanswered = len(pieces)
        self.columns: Scores = (np.zeros(len(texts)), np.zeros(len(texts)))
        self.scores: Future[Scores] = Future()


_Piece = tuple[_Job, list[int]]


class Batcher:
    """Scores texts on a thread of its own, about ``batch_tokens`` tokens at once.

    A batch waits at most ``wait`` seconds for more jobs.
    """

    def __init__(
        self, score: Callable[[list[EncodedText]], Scores], batch_tokens: int, wait: float
    ) -> None:
        self._score = score
        self._batch_tokens = batch_tokens
        self._wait = wait
        self._queue: deque[_Job] = deque()  # jobs with pieces left, the next one first
        self._open: set[_Job] = set()  # jobs without an answer
        self._closed = False
        self._changed = threading.Condition()  # guards all of the above and the jobs' futures
        self._thread = threading.Thread(target=self._run, name="scoring", daemon=True)
        self._thread.start()

    def submit(self, texts: list[EncodedText], pieces: list[list[int]]) -> "Future[Scores]":
        """Return a future of the scores of ``texts``, which are scored in these ``pieces``.

        Raises Stopping after ``close``.
        """
        job = _Job(texts, pieces)
        if not pieces:
            job.scores.set_result(job.columns)
            return job.scores
        with self._changed:
            if self._closed:
                raise Stopping
            self._open.add(job)
            self._queue.append(job)
            self._changed.notify_all()
        return job.scores

    def close(self) -> None:
        """Fail what has no answer with Stopping, and let the thread end with its batch."""
        with self._changed:
            self._closed = True
            self._queue.clear()
            for job in list(self._open):
                self._settle(job, Stopping())
            self._changed.notify_all()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end, at most ``seconds``."""
        self._thread.join(seconds)

    def _run(self) -> None:
        while batch := self._gather():
            self._answer(batch)

    def _gather(self) -> list[_Piece]:
        """Return a batch, once it is full or the wait is over; an empty one after ``close``."""
        batch: list[_Piece] = []
        with self._changed:
            while not batch and not self._closed:
                self._changed.wait_for(lambda: self._queue or self._closed)
                self._changed.wait_for(self._is_full, timeout=self._wait)
                batch = self._take()
        return batch

    def _is_full(self) -> bool:
        if self._closed:
            return True
        tokens = 0
        for job in self._queue:
            tokens += _tokens(job, job.pieces[0])
            if tokens >= self._batch_tokens:
                return True
        return False

    def _take(self) -> list[_Piece]:
        """Take a piece of each job in turn until the batch is full.

        A job that has more goes behind the others. One that needs no answer any more, because its
        client has gone or a piece of it failed, goes away.
        """
        batch: list[_Piece] = []
        tokens = 0
        while self._queue and tokens < self._batch_tokens:
            job = self._queue.popleft()
            if job.scores.done():
                self._open.discard(job)
                continue
            piece = job.pieces.popleft()
            if job.pieces:
                self._queue.append(job)
            batch.append((job, piece))
            tokens += _tokens(job, piece)
        return batch

    def _answer(self, batch: list[_Piece]) -> None:
        """Score the pieces together; where that fails, each alone, for the fault may be one's."""
        try:
            columns = self._score([job.texts[i] for job, ids in batch for i in ids])
        except Exception as error:  # the thread goes on; the client gets the error
            if len(batch) > 1:
                for piece in batch:
                    self._answer([piece])
            else:
                with self._changed:
                    self._settle(batch[0][0], error)
            return
        start = 0
        for job, ids in batch:
            end = start + len(ids)
            self._fill(job, ids, tuple(column[start:end] for column in columns))
            start = end

    def _fill(self, job: _Job, ids: list[int], columns: Scores) -> None:
        while len(job.columns) < len(columns):
            job.columns = (*job.columns, np.zeros(len(job.texts)))
        for whole, part in zip(job.columns, columns, strict=True):
            whole[ids] = part
        job.unanswered -= 1
        if job.unanswered == 0:
            with self._changed:
                self._settle(job, job.columns)

    def _settle(self, job: _Job, outcome: Scores | Exception) -> None:
        """Give a job its answer, unless it has one or its client has gone."""
        self._open.discard(job)
        if job.scores.done() or not job.scores.set_running_or_notify_cancel():
            return
        if isinstance(outcome, Exception):
            job.scores.set_exception(outcome)
        else:
            job.scores.set_result(outcome)


def _tokens(job: _Job, piece: list[int]) -> int:
    return sum(len(job.texts[i]) for i in piece)
