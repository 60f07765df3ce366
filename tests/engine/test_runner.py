"""Scoring switches dropout off, and checkpointed blocks give the same gradients."""

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten, tree_map

from mlx_reward.engine.engine import Engine
from mlx_reward.model.adapters import with_adapters
from tests import tiny
from tests.toy import dataset


def test_dropout_is_off_in_evaluation() -> None:
    """Scores during training must not depend on the random state."""
    noisy = with_adapters(tiny.model("llama"), -1, rank=4, scale=2.0, dropout=0.5)
    noisy.head.weight = mx.ones(noisy.head.weight.shape)
    noisy.apply_to_modules(
        lambda _, m: "lora_b" in m and m.update({"lora_b": mx.ones(m.lora_b.shape)})
    )
    noisy.train()
    data = dataset(9)
    first, second = (Engine(noisy).score(data.texts) for _ in range(2))
    assert np.array_equal(first, second)
    assert noisy.training


@pytest.mark.parametrize("padding_free", [True, False])
@pytest.mark.parametrize(("kind", "dropout"), [("lora", 0.0), ("lora", 0.3), ("full", 0.0)])
def test_blocks_run_again_in_the_backward_pass_give_the_same_gradients(
    padding_free: bool, kind: str, dropout: float
) -> None:
    """Padded, each text runs whole: keys and values of a shared prompt cannot be checkpointed.

    With dropout, the second run once drew a mask of its own. There no two texts begin alike, so
    that both ways draw masks of the same shape.
    """
    texts, found = dataset(12).texts, []
    if dropout:
        texts = [[number + 1, *text] for number, text in enumerate(texts)]
    for grad_checkpoint in (False, True):
        backbone = tiny.model("llama")
        backbone.freeze()
        mx.random.seed(0)
        lora = {"rank": 4, "scale": 2.0, "dropout": dropout}
        network = with_adapters(backbone, 2, **lora, fine_tune_type=kind)
        network.update(
            tree_map(lambda p: p + 0.05 * mx.random.normal(p.shape), network.trainable_parameters())
        )
        engine = Engine(network, grad_checkpoint)
        engine._runner.padding_free = engine.padding_free and padding_free
        mx.random.seed(7)
        value_and_grad = nn.value_and_grad(
            network,
            lambda _, engine=engine: mx.square(engine.forward(texts)).sum(),
        )
        value, gradients = value_and_grad(network)
        found.append((value.item(), {name: np.array(g) for name, g in tree_flatten(gradients)}))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    for name, gradient in found[0][1].items():
        assert found[1][1][name] == pytest.approx(
            gradient, rel=1e-3, abs=1e-4 * float(np.abs(gradient).max())
        ), name


def test_blocks_run_again_keep_little_for_the_backward_pass() -> None:
    """Five sixths of the memory stayed in use: MLX ran all blocks again at once, and left what the
    gradients of weights need for the end.
    """
    rng = np.random.default_rng(0)
    texts, peaks = rng.integers(1, 250, (4, 100)).tolist(), []
    for grad_checkpoint in (False, True):
        backbone = tiny.model("llama", num_hidden_layers=12)
        backbone.freeze()
        network = with_adapters(backbone, -1, rank=4, scale=2.0, dropout=0.0)
        network.train()
        engine = Engine(network, grad_checkpoint)
        value_and_grad = nn.value_and_grad(
            network, lambda _, engine=engine: engine.forward(texts).sum()
        )
        mx.clear_cache()
        before = mx.get_active_memory()
        mx.reset_peak_memory()
        mx.eval(value_and_grad(network))
        peaks.append(mx.get_peak_memory() - before)
    assert peaks[1] < 0.5 * peaks[0]
