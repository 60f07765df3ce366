"""Hidden states of frozen blocks, kept and reused: the same rewards and gradients as without them."""

from importlib import import_module
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from mlx_reward import frozen_store
from mlx_reward.frozen import FrozenStates, frozen_blocks
from mlx_reward.frozen_store import allowed, frozen_states
from mlx_reward.lanes import lanes, rewards, states_below
from mlx_reward.model import RewardNetwork, with_adapters
from mlx_reward.scoring import score
from tests import tiny

ARCHITECTURES = ["llama", "gemma", "gemma2", "qwen2", "qwen3", "phi3"]


def make(kind: str = "llama", num_layers: int = 1) -> RewardNetwork:
    backbone = tiny.model(kind)
    backbone.freeze()
    mx.random.seed(0)
    model = with_adapters(backbone, num_layers, rank=4, scale=2.0, dropout=0.0)
    model.head.weight = mx.random.normal(model.head.weight.shape)
    return model


def conversations(seed: int = 0) -> tuple[list[list[int]], list[int]]:
    """Ten texts, two or three of each of four prompts of different length."""
    rng = np.random.default_rng(seed)
    prompts = [rng.integers(1, 50, n).tolist() for n in (1, 5, 5, 9)]
    return [prompts[i % 4] + rng.integers(1, 50, rng.integers(2, 9)).tolist() for i in range(10)], [i % 4 for i in range(10)]


def known(model: RewardNetwork, texts: list[list[int]], prompts: list[int]) -> FrozenStates:
    return FrozenStates.of_texts(states_below(model, texts, prompts, lanes()), texts)


@pytest.mark.parametrize("kind", ARCHITECTURES)
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("way", ["packed", "padded"])
def test_rewards_and_gradients_are_those_of_the_whole_model(
    kind: str, num_layers: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, (texts, prompts) = make(kind, num_layers), conversations()
    monkeypatch.setattr(RewardNetwork, "packs", way == "packed" and model.packs)
    states = known(model, texts, prompts)

    def loss(model: RewardNetwork, below: FrozenStates | None) -> mx.array:
        return (rewards(model, texts, prompts, lanes(), below) ** 2).mean()

    value_and_grad: Any = nn.value_and_grad(model, loss)
    (plain, plain_grads), (fast, fast_grads) = value_and_grad(model, None), value_and_grad(model, states)
    assert fast.item() == pytest.approx(plain.item(), rel=1e-5)
    pairs = zip(tree_flatten(plain_grads), tree_flatten(fast_grads), strict=True)
    for (name, one), (_, other) in pairs:  # type: ignore[misc]  # flattened trees are lists of pairs
        assert np.allclose(one, other, rtol=1e-3, atol=1e-5 * float(mx.abs(one).max())), name


def test_the_frozen_blocks_do_not_run_again() -> None:
    model, (texts, prompts) = make(), conversations()
    states = known(model, texts, prompts)
    plain = score(model, texts, prompts)
    for block in model.backbone.layers[:2]:
        block.input_layernorm.weight = mx.full(block.input_layernorm.weight.shape, float("nan"))
    assert np.allclose(score(model, texts, prompts, below=states), plain, atol=1e-4)  # NaN where they ran
    assert np.isnan(score(model, texts, prompts)).all()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "mlx-reward" / "frozen"


def test_a_later_run_reads_what_an_earlier_one_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, (texts, prompts) = make(), conversations()
    first = frozen_states(model, texts, prompts, "auto", "base")
    monkeypatch.setattr(frozen_store, "_compute", None)  # would fail if called
    second = frozen_states(model, texts, prompts, "auto", "base")
    assert first is not None
    assert second is not None
    assert np.array_equal(first.states, second.states)


def test_another_backbone_other_layers_other_texts_or_other_arithmetic_are_not_confused(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """States that an older release had kept once made a run differ in the fifth digit from that of a fresh clone."""
    (texts, prompts), model = conversations(), make()
    frozen_states(model, texts, prompts, "auto", "base")
    frozen_states(model, texts, prompts, "auto", "other base")
    frozen_states(make(num_layers=2), texts, prompts, "auto", "base")
    frozen_states(model, *conversations(seed=1), "auto", "base")
    monkeypatch.setattr("mlx_reward.BLAS", "another")
    frozen_states(model, texts, prompts, "auto", "base")
    assert len(list(cache.iterdir())) == 5


def test_a_damaged_file_is_made_again(cache: Path) -> None:
    model, (texts, prompts) = make(), conversations()
    first = frozen_states(model, texts, prompts, "auto", "base")
    (path,) = cache.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    second = frozen_states(model, texts, prompts, "auto", "base")
    assert first is not None
    assert second is not None
    assert np.array_equal(first.states, second.states)


def test_the_disk_holds_no_more_than_its_share(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make()
    for seed in range(4):
        frozen_states(model, *conversations(seed), "auto", "base")
    size = max(path.stat().st_size for path in cache.iterdir())
    monkeypatch.setattr(frozen_store, "DISK_BYTES", 2 * size)
    frozen_states(model, *conversations(9), "auto", "base")
    assert sum(path.stat().st_size for path in cache.iterdir()) <= 3 * size
    monkeypatch.setattr(frozen_store, "DISK_BYTES", 10)
    assert frozen_states(model, *conversations(11), "auto", "base") is not None  # used, if not kept


def test_off_a_small_budget_and_nothing_frozen_leave_it_out(cache: Path) -> None:
    model, (texts, prompts) = make(), conversations()
    assert frozen_states(model, texts, prompts, "off", "base") is None
    assert frozen_states(model, texts, prompts, 1e-6, "base") is None
    assert frozen_states(make(num_layers=-1), texts, prompts, "auto", "base") is None
    assert frozen_blocks(make(num_layers=-1).backbone) == 0
    assert allowed("auto") > 1e8


def test_blocks_under_another_name_are_left_alone() -> None:
    """GPT-2 keeps its blocks in `h`: training it must not end in a traceback."""
    gpt2 = import_module("mlx_lm.models.gpt2")
    sizes = {"n_ctx": 64, "n_embd": 32, "n_head": 4, "n_layer": 3, "n_positions": 64, "vocab_size": 259}
    backbone = gpt2.Model(gpt2.ModelArgs.from_dict({"model_type": "gpt2", "layer_norm_epsilon": 1e-5, **sizes}))
    backbone.freeze()
    model = with_adapters(backbone, 1, rank=4, scale=2.0, dropout=0.0)
    assert frozen_states(model, [[1, 2, 3]], [0], "auto", "base") is None
    assert score(model, [[1, 2, 3]], [0]).shape == (1,)


def test_an_architecture_whose_blocks_do_more_than_pass_on_a_state_is_left_alone(cache: Path) -> None:
    """Stood in for by a block that looks at the tokens' own embedding a second time."""
    model, (texts, prompts) = make(), conversations()
    inner: Any = model.backbone.model
    original = type(inner).__call__

    class Odd(type(inner)):  # type: ignore[misc]  # made for this test
        def __call__(self, inputs: mx.array, cache: Any = None) -> mx.array:
            return original(self, inputs, cache) + self.layers[0](self.embed_tokens(inputs))

    inner.__class__ = Odd
    assert frozen_states(model, texts, prompts, "auto", "base") is None
