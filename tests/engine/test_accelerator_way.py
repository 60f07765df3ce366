"""The way that an accelerator runs a model, taken by a CPU: as stored, padded, on one stream."""

import json
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest

from mlx_reward.backbones.load import load_backbone
from mlx_reward.cpu.way import VARIABLE
from mlx_reward.data.chat import Renderer
from mlx_reward.engine.batch_tokens import LEAST, MOST, accelerator_batch_tokens
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.load import load
from mlx_reward.engine.streams import streams
from mlx_reward.model.adapters import with_adapters
from tests import ROOT, tiny
from tests.engine.test_engine import TEXTS

MODEL, BASE = ROOT / "checkpoints" / "rm_model_bt", ROOT / "checkpoints" / "sft_merged_model"


@pytest.fixture(autouse=True)
def accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "accelerator")


def make(backbone: nn.Module) -> Engine:
    network = with_adapters(backbone, 2, rank=4, scale=2.0, dropout=0.0)
    network.head.weight = mx.random.normal(network.head.weight.shape, key=mx.random.key(1))
    network.eval()
    return Engine(network)


def test_nothing_is_as_a_cpu_would_run_it(backbone: Path) -> None:
    engine = make(load_backbone(backbone))
    assert not engine.padding_free
    assert engine.shares_prefix
    assert len(streams()) == 1
    parts = [part for _, part in engine.network.named_modules()]
    assert any(isinstance(part, nn.QuantizedLinear) for part in parts)
    assert not any(hasattr(type(part), "_calls_quick_functions") for part in parts)


@pytest.mark.parametrize("architecture", ["llama", "gemma2", "gemma3_text", "qwen3"])
@pytest.mark.parametrize(
    ("dtype", "within"), [(mx.float32, 1e-4), (mx.float16, 0.05), (mx.bfloat16, 0.4)]
)
def test_a_reward_is_the_same_alone_and_among_others_as_far_as_its_numbers_go(
    architecture: str, dtype: mx.Dtype, within: float
) -> None:
    """A number of 8 bits (bfloat16) or 11 (float16) is rounded otherwise in another batch.

    The bound is on the difference in standard deviations of the rewards.
    """
    model = tiny.model(architecture)
    model.set_dtype(dtype)
    model.freeze()
    engine = make(model)
    together = engine.score(TEXTS)
    alone = np.array([engine.score([text])[0] for text in TEXTS])
    assert np.abs(together - alone).max() < within * alone.std()


def test_the_frozen_blocks_are_passed_over_where_their_output_is_known(backbone: Path) -> None:
    engine = make(load_backbone(backbone))
    known = engine.features(TEXTS)
    assert engine.score(TEXTS, features=known) == pytest.approx(engine.score(TEXTS), abs=1e-3)


def test_a_batch_is_sized_by_the_accelerators_memory() -> None:
    """It was 4,096 tokens whatever the device, tuned on two cores."""
    small = {"max_recommended_working_set_size": 8 << 30}
    large = {"max_recommended_working_set_size": 96 << 30}
    assert accelerator_batch_tokens(large, 576) > 2 * accelerator_batch_tokens(small, 576)
    assert accelerator_batch_tokens(small, 8192) == LEAST
    assert accelerator_batch_tokens({"memory_size": 1 << 50}, 576) == MOST
    assert accelerator_batch_tokens({"architecture": "x86_64"}, 576) == LEAST


@pytest.mark.slow
def test_fifty_starter_texts_on_the_real_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rewards are those of a CPU, but for what the stored numbers round, and each alone is what
    it is among others.
    """
    if not MODEL.exists():
        pytest.skip("no trained model; run `make repro` first")
    model = load(MODEL, BASE)
    texts = starter_texts(model.renderer, 50)
    together = model.ensemble.score(texts)[0]
    alone = np.array([model.ensemble.score([text])[0, 0] for text in texts[:10]])
    assert np.abs(together[:10] - alone).max() < 0.1 * together.std()
    monkeypatch.delenv(VARIABLE)
    on_a_cpu = load(MODEL, BASE).ensemble.score(texts)[0]
    assert np.corrcoef(together, on_a_cpu)[0, 1] > 0.99


def starter_texts(renderer: Renderer, count: int) -> list[list[int]]:
    """Return token ids of the first ``count`` texts of the starter set's topics, taken in turn."""
    files = sorted((ROOT / "data" / "starter").glob("*.jsonl"))
    rows = [
        json.loads(line)
        for group in zip(*(file.read_text().splitlines() for file in files), strict=False)
        for line in group
    ]
    texts = [(row["prompt"], response) for row in rows for response in row["responses"]]
    return [renderer.render(prompt, response).tokens for prompt, response in texts[:count]]
