"""Several threads score at once, with one model or two, and get the rewards of one alone."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from numpy.typing import NDArray

from mlx_reward.engine.engine import Engine
from mlx_reward.engine.ensemble import Ensemble
from mlx_reward.model.adapters import with_adapters
from mlx_reward.training.state import trainable_weights
from tests import tiny

MODELS = [["llama"], ["gemma2"], ["gemma3_text"], ["llama", "qwen3"], ["llama", "llama"]]


def make(architecture: str, seed: int = 0) -> Engine:
    backbone = tiny.model(architecture, seed)
    backbone.freeze()
    network = with_adapters(backbone, 1, rank=4, scale=2.0, dropout=0.0)
    network.head.weight = mx.random.normal(network.head.weight.shape)
    network.eval()
    mx.eval(network.state)  # arrays that are no parameters too, for another thread could not
    return Engine(network)


def pairs(count: int) -> list[list[list[int]]]:
    rng = np.random.default_rng(0)
    return [
        [rng.integers(1, 250, rng.integers(4, 30)).tolist() for _ in (1, 2)] for _ in range(count)
    ]


@pytest.mark.parametrize("architectures", MODELS, ids="+".join)
def test_eight_threads_get_the_rewards_of_one_alone(architectures: list[str]) -> None:
    """Two threads once got 51 of 60 rewards wrong, and the model was wrong for good afterwards."""
    engines = [make(name, seed) for seed, name in enumerate(architectures)]
    jobs = [(engines[k % len(engines)], pair) for k, pair in enumerate(pairs(60))]
    alone = [engine.score(pair) for engine, pair in jobs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda job: job[0].score(job[1], [0, 1]), jobs))
    afterwards = [engine.score(pair) for engine, pair in jobs]
    assert np.array_equal(together, alone)
    assert np.array_equal(afterwards, alone)


def test_threads_share_an_ensemble() -> None:
    """Its members' weights were exchanged in one network during a call."""
    engine = make("llama")
    members = []
    for shift in (0.0, 1.0, 5.0):
        engine.network.shift(shift)
        members.append(trainable_weights(engine.network))
    ensemble = Ensemble(engine, members)
    jobs = pairs(30)
    alone = [ensemble.score(pair) for pair in jobs]
    assert np.ptp(alone[0], axis=0).min() == pytest.approx(6.0, abs=1e-3)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda pair: ensemble.score(pair), jobs))
    assert np.array_equal(together, alone)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux does")
@pytest.mark.parametrize("count", [1, 2])
def test_threads_that_score_once_and_end_leave_nothing(count: int) -> None:
    """Each kept two threads of the system for as long as the process lasted."""
    engine = make("llama")
    shifted = [trainable_weights(engine.network)] * count
    ensemble = Ensemble(engine, shifted)

    def in_a_thread(pair: list[list[int]]) -> NDArray[np.float64]:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(ensemble.score, pair).result()

    in_a_thread(pairs(1)[0])
    before = len(os.listdir("/proc/self/task"))
    for pair in pairs(20):
        assert np.array_equal(in_a_thread(pair), ensemble.score(pair))
    assert len(os.listdir("/proc/self/task")) <= before


def test_an_error_reaches_the_thread_that_asked_and_the_next_is_served() -> None:
    engine = make("llama")
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(IndexError):
            pool.submit(engine.batch_rewards, [[1, 2], []]).result()
        assert np.isfinite(pool.submit(engine.score, [[1, 2]]).result()).all()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux does")
def test_scoring_again_and_again_makes_no_more_threads() -> None:
    """Each MLX stream keeps a thread of the system: 600 requests left 1,213 of them."""
    engine = make("llama")
    for pair in pairs(3):
        engine.score(pair)
    before = len(os.listdir("/proc/self/task"))
    for pair in pairs(60):
        engine.score(pair)
    assert len(os.listdir("/proc/self/task")) <= before
