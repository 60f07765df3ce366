"""The way of a request's texts to their rewards: encoding on one thread, then a shared batch.

Every route awaits ``Scorer.score``; nothing else touches the tokenizer or the model.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from mlx_reward.inference.reward_model import EncodedText, RewardModel
from mlx_reward.server.batching import Batcher, Scores


class Scorer:
    """Scores the texts of concurrent requests with one model."""

    def __init__(self, model: RewardModel, wait: float, max_waiting: int) -> None:
        self._batcher = Batcher(model.score_tokens, model.batch_tokens, wait, max_waiting)
        self._encoding = ThreadPoolExecutor(1, "encoding")  # a tokenizer is not thread-safe

    @property
    def waiting(self) -> int:
        """Texts that were accepted and are not answered yet."""
        return self._batcher.waiting

    async def score(self, encode: Callable[[], list[EncodedText]]) -> Scores:
        """Return rewards (N,) and uncertainties (N,) of the N texts that ``encode`` returns."""
        loop = asyncio.get_running_loop()
        texts = await loop.run_in_executor(self._encoding, encode)
        return await asyncio.wrap_future(self._batcher.submit(texts))

    def close(self) -> None:
        """Answer what was accepted, then stop both threads."""
        self._batcher.close()
        self._encoding.shutdown()
