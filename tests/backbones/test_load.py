"""A backbone as the CPU runs it best."""

import json
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import pytest

from mlx_reward.backbones.load import load_backbone, load_language_model, transformer
from tests import tiny

pytestmark = pytest.mark.skipif(
    mx.default_device() != mx.Device(mx.cpu), reason="elsewhere layers stay as stored"
)


@pytest.fixture
def untied(tmp_path: Path) -> Path:
    """A quantized model whose language-model head has weights of its own."""
    return tiny.write_backbone(tmp_path / "phi3", "phi3", bits=4)


def quantized_linears(model: nn.Module) -> list[str]:
    return [n for n, m in model.named_modules() if isinstance(m, nn.QuantizedLinear)]


def test_the_head_that_nothing_reads_is_not_widened(untied: Path) -> None:
    """It took 2 GB of a model with a vocabulary of 256,000."""
    model = load_backbone(untied)
    assert quantized_linears(model) == ["lm_head"]
    assert quantized_linears(transformer(model)) == []


def test_it_is_to_generate_with(untied: Path) -> None:
    model, _ = load_language_model(untied)
    assert quantized_linears(model) == []


def test_the_models_own_end_tokens_end_a_response(untied: Path) -> None:
    """`mlx-reward sample` ran past Gemma's <end_of_turn>, which the tokenizer does not name."""
    (untied / "generation_config.json").write_text(json.dumps({"eos_token_id": [256, 258]}))
    _, tokenizer = load_language_model(untied)
    assert {256, 258} <= set(tokenizer.eos_token_ids)
