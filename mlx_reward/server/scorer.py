"""The way of a request's texts to their rewards: encoding on one thread, then a shared batch.

Every route awaits ``Scorer.score``; nothing else touches the tokenizer or the model.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from mlx_reward.inference.reward_model import (
    EncodedText,
    RewardModel,
    require_finite_scores,
)
from mlx_reward.inference.scores import Scores
from mlx_reward.server.batching import Batcher, Stopping
from mlx_reward.utils.arrays import Array

T = TypeVar("T")
SLICE = 0.02  # seconds that one request encodes before another has its turn


class TooManyTexts(Exception):
    """A request has more texts than may ever wait."""


class Busy(Exception):
    """More texts wait than the queue may hold."""


class Scorer:
    """Scores the texts of concurrent requests with one model.

    Its methods are called on the event loop.
    """

    def __init__(self, model: RewardModel, wait: float, max_waiting: int) -> None:
        self._model = model
        self._max_waiting = max_waiting
        self._waiting = 0
        self._stopping = False
        self._closed = False
        self._batcher = Batcher(model.scores, model.batch_tokens, wait)
        self._encoding = ThreadPoolExecutor(1, "encoding")  # a tokenizer is not thread-safe

    @property
    def waiting(self) -> int:
        """Texts that were accepted and are not answered yet."""
        return self._waiting

    async def score(self, texts: Iterable[EncodedText], count: int) -> tuple[Array, Array]:
        """Return rewards (N,) and uncertainties (N,) of ``texts``, which are ``count``."""
        scores = await self.score_details(texts, count)
        return scores.rewards, scores.uncertainties

    async def score_details(self, texts: Iterable[EncodedText], count: int) -> Scores:
        """Return the same with the parts of the uncertainties, and distances.

        They are encoded as they are drawn from the iterable, on another thread. They count as
        waiting before that. Raises TooManyTexts, Busy or Stopping where they cannot wait, and
        NotFinite where one has no reward.
        """
        self._admit(count)
        self._waiting += count
        try:
            encoded, pieces = await self._encode(iter(texts))
            scores = await asyncio.wrap_future(self._batcher.submit(encoded, pieces))
            return require_finite_scores(Scores.of_columns(scores))
        finally:
            self._waiting -= count

    def stop_admitting(self) -> None:
        """Refuse what comes from now on; what waits is still answered."""
        self._stopping = True

    def close(self) -> None:
        """Refuse what waits as well, and let both threads end."""
        self._stopping = True
        self._closed = True
        self._batcher.close()
        self._encoding.shutdown(wait=False)

    def join(self, seconds: float) -> None:
        """Wait for the batch that runs, at most ``seconds``."""
        self._batcher.join(seconds)

    def _admit(self, count: int) -> None:
        if self._stopping:
            raise Stopping
        if count > self._max_waiting:
            raise TooManyTexts(f"{count} texts in a request, of {self._max_waiting} that may wait")
        if self._waiting + count > self._max_waiting:
            raise Busy(f"{self._waiting} texts are waiting")

    async def _encode(
        self, texts: Iterator[EncodedText]
    ) -> tuple[list[EncodedText], list[list[int]]]:
        """Return the texts and the pieces to score them in."""
        encoded: list[EncodedText] = []
        while await self._on_encoding_thread(lambda: _encode_some(texts, encoded)):
            pass
        return encoded, await self._on_encoding_thread(lambda: self._pieces(encoded))

    async def _on_encoding_thread(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise Stopping
        return await asyncio.get_running_loop().run_in_executor(self._encoding, work)

    def _pieces(self, texts: list[EncodedText]) -> list[list[int]]:
        if sum(len(text) for text in texts) <= self._model.batch_tokens:
            return [list(range(len(texts)))] if texts else []
        return self._model.batches(texts)


def _encode_some(texts: Iterator[EncodedText], encoded: list[EncodedText]) -> bool:
    """Draw texts for as long as a slice lasts; return whether there may be more."""
    end = time.monotonic() + SLICE
    while time.monotonic() < end:
        text = next(texts, None)
        if text is None:
            return False
        encoded.append(text)
    return True
