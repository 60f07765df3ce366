"""A reward depends on its text alone, on the architectures people use."""

from dataclasses import replace

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from mlx_reward.engine.engine import Engine
from mlx_reward.engine.padded import pad
from mlx_reward.model.adapters import with_adapters
from mlx_reward.model.network import RewardNetwork
from tests import tiny

RNG = np.random.default_rng(0)
PREFIXES = {
    "a": RNG.integers(0, 256, 20).tolist(),
    "b": RNG.integers(0, 256, 10).tolist(),
    "c": RNG.integers(0, 256, 33).tolist(),
}
PROMPTS = ["a", "a", "b", "c", "a", "b", "b", "b"]  # c stands alone
TEXTS = [
    PREFIXES[p] + RNG.integers(0, 256, n).tolist()
    for p, n in zip(PROMPTS, (5, 40, 3, 17, 90, 17, 2, 1), strict=True)
]


def lively(architecture: str) -> RewardNetwork:
    """A reward model whose head and adapters are not zero."""
    model = with_adapters(tiny.model(architecture), -1, rank=4, scale=2.0, dropout=0.0)
    model.backbone.freeze()
    model.backbone.unfreeze(keys=["lora_a", "lora_b"], strict=False)
    model.head.weight = mx.random.normal(model.head.weight.shape, key=mx.random.key(1))
    model.apply_to_modules(
        lambda _, m: "lora_b" in m and m.update({"lora_b": 0.1 * mx.random.normal(m.lora_b.shape)})
    )
    model.eval()
    mx.eval(model.parameters())
    return model


@pytest.mark.parametrize("architecture", sorted(tiny.EXTRA))
def test_a_reward_is_the_same_alone_and_in_a_padded_batch(architecture: str) -> None:
    model = lively(architecture)
    engine = Engine(model)
    engine._runner.capabilities = replace(engine._runner.capabilities, shares_prefix=False)
    together = engine.score(TEXTS)
    alone = [Engine(model).score([t])[0] for t in TEXTS]
    assert together == pytest.approx(alone, abs=1e-4)
    assert np.ptp(together) > 0.1


@pytest.mark.parametrize("way", ["padding-free", "padded"])
@pytest.mark.parametrize("architecture", sorted(tiny.EXTRA | tiny.WINDOWED))
def test_sharing_prompts_and_splitting_over_streams_change_neither_rewards_nor_gradients(
    architecture: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lively(architecture)
    engine = Engine(model)
    assert engine.shares_prefix
    if architecture == "gemma2":  # its attention, which caps the scores, is its own
        assert not engine.padding_free
    else:
        assert engine.padding_free
        monkeypatch.setattr(engine._runner, "padding_free", way == "padding-free")
    three = [mx.new_stream(mx.cpu) for _ in range(3)]
    monkeypatch.setattr("mlx_reward.engine.engine.streams", lambda: three)
    monkeypatch.setattr(
        "mlx_reward.engine.varlen_layout.CHUNK", 16
    )  # so that texts are longer than a chunk

    def plain(model: RewardNetwork) -> mx.array:
        tokens, lengths = pad(TEXTS)
        return mx.tanh(model(mx.array(tokens), mx.array(lengths))).sum()

    def shared(_: RewardNetwork) -> mx.array:
        return mx.tanh(engine.forward(TEXTS)).sum()

    expected, gradient = _value_and_grad(model, plain)
    value, found = _value_and_grad(model, shared)
    assert value == pytest.approx(expected, abs=1e-4)
    for name, g in gradient.items():
        assert np.abs(found[name] - g).max() <= 1e-3 * np.abs(g).max() + 1e-6, name


def _value_and_grad(model: RewardNetwork, function) -> tuple[float, dict[str, np.ndarray]]:  # type: ignore[no-untyped-def]  # test helper
    value, gradient = nn.value_and_grad(model, function)(model)
    return value.item(), {name: np.array(g) for name, g in tree_flatten(gradient)}


def test_each_different_text_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,426 pairs over 262 responses were 4,852 texts to encode: 13 minutes."""
    engine = Engine(lively("llama"))
    alone = engine.score(TEXTS)
    runs: list[int] = []
    forward = engine.forward
    monkeypatch.setattr(engine, "forward", lambda *a: runs.append(len(a[0])) or forward(*a))
    order = [3, 0, 0, 5, 3, 1, 2, 4, 6, 7, 7, 0]
    again = engine.score([TEXTS[i] for i in order])
    assert sum(runs) == len(TEXTS)
    assert again == pytest.approx(alone[order], abs=1e-4)
