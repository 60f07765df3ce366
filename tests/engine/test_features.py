"""Hidden states of frozen blocks, kept and reused: rewards and gradients stay the same."""

from importlib import import_module
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from mlx_reward.cpu import prepare
from mlx_reward.engine import feature_store
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.feature_store import allowed_bytes, frozen_features, left_of
from mlx_reward.engine.features import FrozenFeatures
from mlx_reward.model.adapters import with_adapters
from tests import tiny

ARCHITECTURES = ["llama", "gemma", "gemma2", "qwen2", "qwen3", "phi3"]


def make(kind: str = "llama", num_layers: int = 1) -> Engine:
    backbone = tiny.model(kind)
    backbone.freeze()
    mx.random.seed(0)
    model = with_adapters(backbone, num_layers, rank=4, scale=2.0, dropout=0.0)
    model.head.weight = mx.random.normal(model.head.weight.shape)
    return Engine(model)


def conversations(seed: int = 0) -> list[list[int]]:
    """Ten texts, two or three of each of four prompts of different length."""
    rng = np.random.default_rng(seed)
    prompts = [rng.integers(1, 50, n).tolist() for n in (1, 15, 15, 29)]
    return [prompts[i % 4] + rng.integers(1, 50, rng.integers(2, 9)).tolist() for i in range(10)]


@pytest.mark.parametrize("kind", ARCHITECTURES)
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("way", ["padding-free", "padded"])
def test_rewards_and_gradients_are_those_of_the_whole_model(
    kind: str, num_layers: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, texts = make(kind, num_layers), conversations()
    monkeypatch.setattr(
        engine._runner, "padding_free", way == "padding-free" and engine.padding_free
    )
    features = engine.batch_features(texts)

    def loss(_: nn.Module, features: FrozenFeatures | None) -> mx.array:
        return (engine.forward(texts, features) ** 2).mean()

    value_and_grad: Any = nn.value_and_grad(engine.network, loss)
    plain, plain_grads = value_and_grad(engine.network, None)
    fast, fast_grads = value_and_grad(engine.network, features)
    assert fast.item() == pytest.approx(plain.item(), rel=1e-5)
    pairs = zip(tree_flatten(plain_grads), tree_flatten(fast_grads), strict=True)
    for (name, one), (_, other) in pairs:  # type: ignore[misc]  # flattened trees are lists of pairs
        assert np.allclose(one, other, rtol=1e-3, atol=1e-5 * float(mx.abs(one).max())), name


def test_the_frozen_blocks_do_not_run_again() -> None:
    engine, texts = make(), conversations()
    features = engine.batch_features(texts)
    plain = engine.score(texts)
    for block in engine.network.backbone.layers[:2]:
        block.input_layernorm.weight = mx.full(block.input_layernorm.weight.shape, float("nan"))
    assert np.allclose(
        engine.score(texts, features=features), plain, atol=1e-4
    )  # NaN where they ran
    assert np.isnan(engine.score(texts)).all()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "mlx-reward" / "frozen"


def test_a_later_run_reads_what_an_earlier_one_kept(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, texts = make(), conversations()
    first = frozen_features(engine, texts, "auto", "base")
    monkeypatch.setattr(Engine, "features", None)  # would fail if called
    second = frozen_features(engine, texts, "auto", "base")
    assert first is not None
    assert second is not None
    assert np.array_equal(first.states, second.states)


def test_another_backbone_other_layers_other_texts_or_other_arithmetic_are_not_confused(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """States that an older release had kept once made a run differ in the fifth digit from that of
    a fresh clone.
    """
    texts, engine = conversations(), make()
    frozen_features(engine, texts, "auto", "base")
    frozen_features(engine, texts, "auto", "other base")
    frozen_features(make(num_layers=2), texts, "auto", "base")
    frozen_features(engine, conversations(seed=1), "auto", "base")
    monkeypatch.setattr(prepare, "_status", "another")
    frozen_features(engine, texts, "auto", "base")
    assert len(list(cache.iterdir())) == 5


def test_a_damaged_file_is_made_again(cache: Path) -> None:
    engine, texts = make(), conversations()
    first = frozen_features(engine, texts, "auto", "base")
    (path,) = cache.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    second = frozen_features(engine, texts, "auto", "base")
    assert first is not None
    assert second is not None
    assert np.array_equal(first.states, second.states)


def test_the_disk_holds_no_more_than_its_share(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make()
    for seed in range(4):
        frozen_features(engine, conversations(seed), "auto", "base")
    size = max(path.stat().st_size for path in cache.iterdir())
    monkeypatch.setattr(feature_store, "DISK_BYTES", 2 * size)
    frozen_features(engine, conversations(9), "auto", "base")
    assert sum(path.stat().st_size for path in cache.iterdir()) <= 3 * size
    monkeypatch.setattr(feature_store, "DISK_BYTES", 10)
    assert (
        frozen_features(engine, conversations(11), "auto", "base") is not None
    )  # used, if not kept


def peak_memory(engine: Engine, texts: list[list[int]]) -> int:
    """The most bytes in use while features of ``texts`` are made or read."""
    mx.clear_cache()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    assert frozen_features(engine, texts, "auto", "base") is not None
    return mx.get_peak_memory() - before


def test_making_and_reading_them_take_their_memory_once(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The texts' states were kept one by one and then joined: twice the memory.

    What a batch takes besides is the same for few texts and many.
    """
    monkeypatch.setattr("mlx_reward.engine.engine.CPU_BATCH_TOKENS", 320)
    engine = make()
    texts = np.random.default_rng(0).integers(1, 250, (400, 80)).tolist()
    size_of_the_others = 300 * 80 * 32 * 4
    for _ in range(2):
        few, all_texts = peak_memory(engine, texts[:100]), peak_memory(engine, texts)
        assert all_texts - few < 1.3 * size_of_the_others


def test_two_sets_share_one_budget(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine, texts = make(), conversations()
    size = sum(map(len, texts)) * 32 * 4
    first = frozen_features(engine, texts, 1.5 * size / 1e9, "base")
    left = left_of(1.5 * size / 1e9, first)
    assert left == pytest.approx(0.5 * size / 1e9)
    assert frozen_features(engine, texts, left, "base") is None
    assert "that train.frozen_cache leaves for them" in capsys.readouterr().out
    assert left_of("off", first) == "off"
    assert left_of("auto", None) == "auto"
    assert left_of("auto", first) == pytest.approx((allowed_bytes("auto") - size) / 1e9)


def test_off_a_small_budget_and_nothing_frozen_leave_it_out(cache: Path) -> None:
    engine, texts = make(), conversations()
    assert frozen_features(engine, texts, "off", "base") is None
    assert frozen_features(engine, texts, 1e-6, "base") is None
    assert frozen_features(make(num_layers=-1), texts, "auto", "base") is None
    assert make(num_layers=-1).frozen_blocks == 0
    assert allowed_bytes("auto") > 1e8


def test_blocks_under_another_name_are_left_alone() -> None:
    """GPT-2 keeps its blocks in `h`: training it must not end in a traceback."""
    gpt2 = import_module("mlx_lm.models.gpt2")
    sizes = {
        "n_ctx": 64,
        "n_embd": 32,
        "n_head": 4,
        "n_layer": 3,
        "n_positions": 64,
        "vocab_size": 259,
    }
    backbone = gpt2.Model(
        gpt2.ModelArgs.from_dict({"model_type": "gpt2", "layer_norm_epsilon": 1e-5, **sizes})
    )
    backbone.freeze()
    engine = Engine(with_adapters(backbone, 1, rank=4, scale=2.0, dropout=0.0))
    assert frozen_features(engine, [[1, 2, 3]], "auto", "base") is None
    assert engine.score([[1, 2, 3]]).shape == (1,)


def test_an_architecture_whose_blocks_do_more_than_pass_on_a_state_is_left_alone(
    cache: Path,
) -> None:
    """Stood in for by a block that looks at the tokens' own embedding a second time."""
    engine, texts = make(), conversations()
    inner: Any = engine.network.backbone.model
    original = type(inner).__call__

    class Odd(type(inner)):  # type: ignore[misc]  # made for this test
        def __call__(self, inputs: mx.array, cache: Any = None) -> mx.array:
            extra = self.layers[0](self.embed_tokens(inputs), cache=cache[0])
            return original(self, inputs, cache) + extra

    inner.__class__ = Odd
    assert frozen_features(engine, texts, "auto", "base") is None
