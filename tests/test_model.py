"""A reward depends on its text alone, and the first loss is log 2, on the architectures people use."""

import math

import mlx.core as mx
import numpy as np
import pytest

from mlx_reward.bundles import batches, bundle, common_prefix, spread
from mlx_reward.lanes import lanes, rewards
from mlx_reward.losses import bradley_terry
from mlx_reward.model import RewardNetwork, with_adapters
from mlx_reward.padded import pad
from mlx_reward.scoring import score
from tests import tiny

RNG = np.random.default_rng(0)
PREFIXES = {
    "a": RNG.integers(0, 256, 20).tolist(),
    "b": RNG.integers(0, 256, 7).tolist(),
    "c": RNG.integers(0, 256, 33).tolist(),
}
PROMPTS = ["a", "a", "b", "c", "a", "b", "b", "b"]  # c stands alone
TEXTS = [PREFIXES[p] + RNG.integers(0, 256, n).tolist() for p, n in zip(PROMPTS, (5, 40, 3, 17, 90, 17, 2, 1), strict=True)]


def lively(architecture: str) -> RewardNetwork:
    """A reward model whose head and adapters are not zero."""
    model = with_adapters(tiny.model(architecture), -1, rank=4, scale=2.0, dropout=0.0)
    model.backbone.freeze()
    model.backbone.unfreeze(keys=["lora_a", "lora_b"], strict=False)
    model.head.weight = mx.random.normal(model.head.weight.shape, key=mx.random.key(1))
    model.apply_to_modules(lambda _, m: "lora_b" in m and m.update({"lora_b": 0.1 * mx.random.normal(m.lora_b.shape)}))
    model.eval()
    mx.eval(model.parameters())
    return model


@pytest.mark.parametrize("architecture", sorted(tiny.EXTRA))
def test_a_reward_is_the_same_alone_and_in_a_padded_batch(architecture: str) -> None:
    model = lively(architecture)
    together = score(model, TEXTS, range(len(TEXTS)))
    alone = [score(model, [t], [0])[0] for t in TEXTS]
    assert together == pytest.approx(alone, abs=1e-4)
    assert np.ptp(together) > 0.1


@pytest.mark.parametrize("way", ["packed", "padded"])
@pytest.mark.parametrize("architecture", sorted(tiny.EXTRA | tiny.WINDOWED))
def test_sharing_prompts_and_splitting_over_streams_change_neither_rewards_nor_gradients(
    architecture: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lively(architecture)
    assert model.shares_prefix
    if architecture == "gemma2":  # its attention, which caps the scores, is its own
        assert not model.packs
    else:
        assert model.packs
        monkeypatch.setattr(RewardNetwork, "packs", way == "packed")
    monkeypatch.setattr("mlx_reward.layout.BLOCK", 16)  # so that texts are longer than a block

    def plain(model: RewardNetwork) -> mx.array:
        tokens, lengths = pad(TEXTS)
        return mx.tanh(model(mx.array(tokens), mx.array(lengths))).sum()

    def shared(model: RewardNetwork) -> mx.array:
        return mx.tanh(rewards(model, TEXTS, PROMPTS, [mx.new_stream(mx.cpu) for _ in range(3)])).sum()

    expected, gradient = _value_and_grad(model, plain)
    value, found = _value_and_grad(model, shared)
    assert value == pytest.approx(expected, abs=1e-4)
    for name, g in gradient.items():
        assert np.abs(found[name] - g).max() <= 1e-3 * np.abs(g).max() + 1e-6, name


def _value_and_grad(model: RewardNetwork, function) -> tuple[float, dict[str, np.ndarray]]:  # type: ignore[no-untyped-def]  # test helper
    import mlx.nn as nn
    from mlx.utils import tree_flatten

    value, gradient = nn.value_and_grad(model, function)(model)
    return value.item(), {name: np.array(g) for name, g in tree_flatten(gradient)}


@pytest.mark.parametrize(("kind", "head"), [("lora", "linear"), ("dora", "mlp")])
def test_first_loss_is_log_2(kind: str, head: str) -> None:
    model = with_adapters(tiny.model("llama"), -1, rank=4, scale=2.0, dropout=0.0, fine_tune_type=kind, head=head)
    r = rewards(model, TEXTS, PROMPTS, lanes())
    assert bradley_terry(r[:3] - r[3:6], mx.ones(3)).item() == pytest.approx(math.log(2))


def test_only_adapters_and_head_are_trained() -> None:
    from mlx.utils import tree_flatten

    backbone = tiny.model("llama")
    backbone.freeze()
    model = with_adapters(backbone, 1, rank=4, scale=2.0, dropout=0.0)
    names = [name for name, _ in tree_flatten(model.trainable_parameters())]
    assert all(n.endswith(("lora_a", "lora_b")) or n.startswith("head.") for n in names)
    assert {n.split(".")[3] for n in names if "layers" in n} == {"2"}  # the last of three blocks only


@pytest.mark.parametrize("parts", [1, 2, 3, 50])
def test_spreading_loses_nothing_and_leaves_no_part_empty(parts: int) -> None:
    dealt = spread(bundle(TEXTS, PROMPTS), TEXTS, parts)
    assert sorted(i for part in dealt for b in part for i in b.members) == list(range(len(TEXTS)))
    assert all(dealt)
    assert len(dealt) == min(parts, len(TEXTS))


def test_a_bundle_keeps_one_token_of_every_text_behind_the_prefix() -> None:
    """A response that is the beginning of another still has a last token of its own to read the reward at."""
    assert common_prefix([[1, 2, 3], [1, 2, 3, 4]]) == 2
    assert common_prefix([[1], [1]]) == 0
    assert [b.prefix for b in bundle(TEXTS, PROMPTS)] == [20, 0, 7]


def test_batches_hold_every_text_and_about_the_token_budget() -> None:
    found = batches(TEXTS, PROMPTS, 120)
    assert sorted(i for b in found for i in b) == list(range(len(TEXTS)))
    assert len(found) > 1
    for batch in found:
        tokens = sum(b.tokens for b in bundle([TEXTS[i] for i in batch], [PROMPTS[i] for i in batch]))
        assert tokens <= 120 + 20 or len(batch) == 1


def test_padding() -> None:
    tokens, lengths = pad([[1, 2, 3], [4]])
    assert tokens.tolist() == [[1, 2, 3], [4, 0, 0]]
    assert lengths.tolist() == [3, 1]
