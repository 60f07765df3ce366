"""AdamW moves by the learning rate from its first step, and decays matrices of blocks alone."""

import mlx.core as mx
import numpy as np
import pytest

from mlx_reward.training.optimizer import is_decayed, make_optimizer


def adamw_by_hand(
    weight: float, gradients: list[float], learning_rate: float, decay: float
) -> float:
    """Loshchilov & Hutter 2019, algorithm 2, in float64, with the defaults of torch."""
    first = second = 0.0
    for step, gradient in enumerate(gradients, 1):
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        weight -= learning_rate * decay * weight
        corrected = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        weight -= learning_rate * corrected
    return weight


@pytest.mark.parametrize("steps", [1, 10, 88])
def test_a_constant_gradient_moves_by_the_learning_rate_each_step(steps: int) -> None:
    """Without bias correction the first 88 steps moved 3 to 6 learning rates each."""
    optimizer = make_optimizer(lambda _: mx.array(0.01), weight_decay=0.0)
    weights = {"head": {"bias": mx.array([0.0])}}
    for _ in range(steps):
        weights = optimizer.apply_gradients({"head": {"bias": mx.array([1.0])}}, weights)
    assert weights["head"]["bias"].item() == pytest.approx(-0.01 * steps, rel=1e-3)


def test_updates_are_those_of_the_published_algorithm() -> None:
    gradients = np.random.default_rng(0).normal(size=30).tolist()
    optimizer = make_optimizer(lambda _: mx.array(0.01), weight_decay=0.1)
    weights = {"layers": [{"lora_a": mx.array([[2.0]]), "bias": mx.array([2.0])}]}
    for value in gradients:
        step = {"layers": [{"lora_a": mx.array([[value]]), "bias": mx.array([value])}]}
        weights = optimizer.apply_gradients(step, weights)
    layer = weights["layers"][0]
    assert layer["lora_a"].item() == pytest.approx(
        adamw_by_hand(2.0, gradients, 0.01, decay=0.1), rel=1e-5
    )
    assert layer["bias"].item() == pytest.approx(
        adamw_by_hand(2.0, gradients, 0.01, decay=0.0), rel=1e-5
    )


@pytest.mark.parametrize(
    ("name", "shape", "decayed"),
    [
        ("backbone.model.layers.3.self_attn.q_proj.lora_a", (8, 4), True),
        ("backbone.model.layers.3.mlp.gate_proj.weight", (8, 8), True),  # full fine-tuning
        ("backbone.model.layers.3.self_attn.q_proj.m", (8,), False),  # DoRA's magnitude
        ("backbone.model.layers.3.input_layernorm.weight", (8,), False),
        ("backbone.model.layers.3.self_attn.q_proj.bias", (8,), False),
        ("backbone.model.layers.3.mlp.switch_mlp.up_proj.bias", (4, 8), False),  # of 4 experts
        ("head.weight", (1, 8), False),
        ("head.layers.0.weight", (256, 8), False),
    ],
)
def test_only_matrices_of_blocks_decay(name: str, shape: tuple[int, ...], decayed: bool) -> None:
    assert is_decayed(name, mx.zeros(shape)) is decayed
