"""What a run is computed to take: the sizes of real models, and MLX's own count on a tiny one."""

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from mlx_reward.engine.engine import Engine
from mlx_reward.model.adapters import with_adapters
from mlx_reward.training.distributed import SINGLE_PROCESS
from mlx_reward.training.forecast import Forecast
from mlx_reward.training.memory import BatchSize, MemoryEstimate, ModelSize, estimate, largest_batch
from tests import tiny
from tests.toy import dataset, settings

GEMMA_2B = {
    "hidden_size": 2048,
    "intermediate_size": 16384,
    "num_hidden_layers": 18,
    "num_attention_heads": 8,
    "num_key_value_heads": 1,
    "head_dim": 256,
    "vocab_size": 256000,
}


def test_the_weights_of_gemma_2b_are_those_that_were_published() -> None:
    """2.506 billion (Gemma Team 2024, table 2, with 0.524 of them embeddings), 2 bytes each."""
    model = ModelSize.of(GEMMA_2B, on_cpu=False)
    assert model is not None
    weights = estimate(model, BatchSize.of_texts(1, 1), settings()).weights
    assert weights == pytest.approx(2 * 2.506e9, rel=0.001)
    quantized = GEMMA_2B | {"quantization": {"bits": 4, "group_size": 64}}
    smaller = ModelSize.of(quantized, on_cpu=False)
    assert smaller is not None
    in_4_bits = estimate(smaller, BatchSize.of_texts(1, 1), settings()).weights
    assert in_4_bits == pytest.approx(weights * 4.5 / 16)


@pytest.mark.parametrize("grad_checkpoint", [False, True])
def test_a_batch_takes_what_is_computed_for_it(grad_checkpoint: bool) -> None:
    """Measured by MLX, of a model wide enough that numbers, not the program, decide."""
    changes = {"num_hidden_layers": 8, "hidden_size": 128, "intermediate_size": 384}
    backbone = tiny.model("llama", **changes)
    backbone.freeze()
    network = with_adapters(backbone, -1, rank=4, scale=2.0, dropout=0.0)
    network.train()
    engine = Engine(network, grad_checkpoint)
    texts = np.random.default_rng(0).integers(1, 250, (6, 100)).tolist()
    value_and_grad = nn.value_and_grad(network, lambda _: engine.forward(texts).sum())
    mx.clear_cache()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    mx.eval(value_and_grad(network))
    measured = mx.get_peak_memory() - before
    model = ModelSize.of(tiny.config("llama") | changes, on_cpu=True)
    assert model is not None
    chosen = settings(num_layers=-1, grad_checkpoint=grad_checkpoint)
    computed = estimate(model, BatchSize.of_texts(6, 100), chosen).activations
    assert measured == pytest.approx(computed, rel=0.3)


def test_trained_weights_are_counted_as_they_are() -> None:
    backbone = tiny.model("llama")
    backbone.freeze()
    network = with_adapters(backbone, 2, rank=8, scale=2.0, dropout=0.0)
    adapters = dict(tree_flatten(network.backbone.trainable_parameters()))
    count = sum(array.size for array in adapters.values())
    model = ModelSize.of(tiny.config("llama"), on_cpu=True)
    assert model is not None
    trained = estimate(model, BatchSize.of_texts(1, 1), settings(num_layers=2)).trained
    assert trained == count * 4 * 5


def test_the_largest_batch_of_an_epoch_counts_a_prompt_once() -> None:
    """A batch of all: three texts a prompt, whose common beginning runs once."""
    data = dataset(6)
    whole = largest_batch(data, settings(batch_size=6), SINGLE_PROCESS)
    lengths = [len(text) for text in data.texts]
    shared = whole.attention - sum(length**2 for length in lengths)
    assert shared == 0
    assert whole.tokens < sum(lengths)
    assert whole.tokens >= sum(lengths) - 2 * sum(max(lengths[i : i + 3]) for i in (0, 3))
    smaller = largest_batch(data, settings(batch_size=1), SINGLE_PROCESS)
    assert smaller.tokens < whole.tokens


def test_the_line_says_whether_it_fits_and_what_to_lower() -> None:
    needed = MemoryEstimate(weights=1e9, trained=0.25e9, activations=2e9, hidden_states=0)
    assert needed.summary(8e9) == (
        "memory: about 3.5 GB of 8.0, computed "
        "(program 0.25, backbone 1.00, trained weights and optimizer 0.25, a batch 2.00)"
    )
    assert "it may not fit: halve train.batch_size" in needed.summary(3e9)


def test_sizes_under_other_names_are_not_guessed() -> None:
    assert ModelSize.of({"n_embd": 32, "n_layer": 3}, on_cpu=True) is None


def test_three_steps_tell_the_time_of_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    forecast = Forecast(600)
    for _ in range(5):
        with forecast.timed_step():
            pass
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("time: about 0.0 min for 600 steps, by the first 3 (0.00 s each)")
    short = Forecast(3)
    for _ in range(3):
        with short.timed_step():
            pass
    assert capsys.readouterr().out == ""
