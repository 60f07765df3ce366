"""Texts count as waiting before they are encoded, and nobody waits for another's encoding."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlx_reward.inference.reward_model import EncodedText, RewardModel
from mlx_reward.server.batching import Stopping
from mlx_reward.server.scorer import Busy, Scorer, TooManyTexts


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> RewardModel:
    return RewardModel.load(checkpoints / "rm_model_bt")


def encoded(model: RewardModel, count: int) -> Iterator[EncodedText]:
    return model.encode_responses("q", ["a"] * count)


def test_texts_count_from_before_they_are_encoded(model: RewardModel) -> None:
    """20,000 responses were admitted because nobody waited yet."""

    async def work() -> None:
        scorer = Scorer(model, 0.0, max_waiting=5)
        gate = threading.Event()

        def gated() -> Iterator[EncodedText]:
            gate.wait(5)
            yield from encoded(model, 4)

        first = asyncio.ensure_future(scorer.score(gated(), 4))
        await asyncio.sleep(0.01)
        assert scorer.waiting == 4
        with pytest.raises(Busy, match="4 texts are waiting"):
            await scorer.score(encoded(model, 2), 2)
        with pytest.raises(TooManyTexts):
            await scorer.score(encoded(model, 6), 6)
        gate.set()
        assert len((await first)[0]) == 4
        assert scorer.waiting == 0
        scorer.stop_admitting()
        with pytest.raises(Stopping):
            await scorer.score(encoded(model, 1), 1)
        scorer.close()
        scorer.join(5)

    asyncio.run(work())


def test_a_small_request_is_encoded_between_the_texts_of_a_large_one(model: RewardModel) -> None:
    drawn = 0

    async def work() -> int:
        scorer = Scorer(model, 0.0, max_waiting=10_001)

        def endless() -> Iterator[EncodedText]:
            nonlocal drawn
            for text in encoded(model, 10_000):
                drawn += 1
                yield text

        large = asyncio.ensure_future(scorer.score(endless(), 10_000))
        await asyncio.sleep(0.01)
        await scorer.score(encoded(model, 1), 1)
        drawn_by_then = drawn
        large.cancel()
        await asyncio.gather(large, return_exceptions=True)
        assert scorer.waiting == 0
        scorer.close()
        scorer.join(5)
        return drawn_by_then

    assert asyncio.run(work()) < 10_000
