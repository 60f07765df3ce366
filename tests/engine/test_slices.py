"""One text on several cores gets the reward that it gets on one."""

import mlx.core as mx
import numpy as np
import pytest

from mlx_reward.engine import engine, slices
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.streams import streams
from mlx_reward.model.adapters import with_adapters
from tests import tiny

TEXT = np.random.default_rng(0).integers(1, 250, 83).tolist()


def make(architecture: str) -> Engine:
    network = with_adapters(tiny.model(architecture), 2, rank=4, scale=2.0, dropout=0.0)
    network.head.weight = mx.random.normal(network.head.weight.shape, key=mx.random.key(1))
    network.eval()
    return Engine(network)


@pytest.mark.parametrize("architecture", ["llama", "gemma2", "gemma3_text", "cohere2", "phi3"])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_text_in_slices_has_the_reward_of_the_whole(architecture: str, count: int) -> None:
    """Also where attention sees a window of 16 tokens, which begins in the slice before."""
    made = make(architecture)
    whole = made.network(mx.array([TEXT]), mx.array([len(TEXT)]))
    own = streams()
    shares = [own[n % len(own)] for n in range(count)]
    cut = slices.read_last(made._runner, TEXT, shares, made.network.head_rewards)
    assert np.array(cut) == pytest.approx(np.array(whole), rel=1e-4, abs=1e-5)


def test_streams_are_dealt_where_texts_are_fewer_and_long_enough() -> None:
    own = [mx.default_stream(mx.cpu)] * 8
    long, short = [0] * 500, [0] * 20

    def shares(*texts: list[int]) -> list[int]:
        return [len(share) for share in slices.streams_of_each(texts, own)]

    assert shares(long) == [8]
    assert shares(long, long, long) == [2, 2, 2]
    assert shares([0] * 3 * slices.MIN_SLICE) == [3]
    assert shares(short) == shares(long, short) == shares(*[long] * 5) == shares() == []


def test_an_engine_cuts_while_it_scores_and_not_while_it_trains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "streams", lambda: streams()[:1] * 2)
    cut: list[int] = []
    read_last = slices.read_last
    monkeypatch.setattr(
        slices, "read_last", lambda *given: (cut.append(len(given[2])), read_last(*given))[1]
    )
    made = make("llama")
    scored = made.score([TEXT])
    assert cut == [2]
    made.network.train()
    assert np.array(made.forward([TEXT])) == pytest.approx(scored, abs=1e-4)
    assert cut == [2]
