"""The frozen language model under the reward head, loaded as the device runs it best."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_unflatten
from mlx_lm.tokenizer_utils import TokenizerWrapper
from mlx_lm.tokenizer_utils import load as load_tokenizer
from mlx_lm.utils import load_model

from mlx_reward.cpu.way import takes_cpu_way
from mlx_reward.utils import process, tensors
from mlx_reward.utils.errors import InputError, first_line
from mlx_reward.utils.files import read_json

# Fields of config.json that count parts of a model, one made after the other.
COUNTS = ("num_hidden_layers", "n_layers", "n_layer", "num_layers", "num_experts")
MAX_COUNT = 10_000
NO_CODE = {"trust_remote_code": False}  # for transformers; nor a question whether to run it


def load_backbone(folder: Path) -> nn.Module:
    """Return the mlx_lm model in ``folder``, frozen, to read hidden states from.

    On the CPU its linear layers are float32, elsewhere they stay as stored. InputError where the
    folder is not a model that mlx_lm opens.
    """
    model, _ = _load(folder)
    if takes_cpu_way():
        widen(transformer(model))  # the language-model head is never run
    model.freeze()
    model.eval()
    return model


def load_language_model(folder: Path) -> tuple[nn.Module, TokenizerWrapper]:
    """Return the mlx_lm model in ``folder``, frozen, to generate with, and its tokenizer.

    The tokenizer knows all tokens that end a response: Gemma's <end_of_turn> stands in the model's
    own config alone.
    """
    model, config = _load(folder)
    if takes_cpu_way():
        widen(model)
    model.freeze()
    model.eval()
    return model, load_tokenizer(folder, NO_CODE, eos_token_ids=config.get("eos_token_id"))


def _load(folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    process.claim()
    try:
        check_files(folder)
        model, config = load_model(folder)
    except InputError:
        raise
    except Exception as error:  # whatever a damaged or foreign model makes mlx_lm raise
        raise InputError(
            f"{folder}: no backbone that mlx_lm opens ({first_line(error)}); run `dvc repro base`"
        ) from None
    return model, config


def check_files(folder: Path) -> None:
    """Refuse config.json and weights of ``folder`` that would not end, or that MLX must not read.

    MLX trusts the sizes that a file of weights states.
    """
    config = read_json(folder / "config.json", "run `dvc repro base`")
    if not isinstance(config, dict):
        raise InputError(f"{folder / 'config.json'}: no JSON object; run `dvc repro base`")
    for name in COUNTS:
        value = config.get(name, 1)
        if not isinstance(value, int) or not 0 < value <= MAX_COUNT:
            raise InputError(f"{folder / 'config.json'}: field '{name}' is {str(value)[:40]!r}")
    for file in folder.glob("model*.safetensors"):
        try:
            tensors.check(file)
        except ValueError as error:
            raise InputError(f"{error}; fetch it again") from None


def widen(model: nn.Module) -> None:
    """Dequantize the linear layers to float32, in place.

    On the CPU only float32 matmul goes through BLAS, which is 30 times faster. A quantized
    embedding stays quantized: rows are looked up, never multiplied.
    """
    linears = [
        (name, _dequantized(m))
        for name, m in model.named_modules()
        if isinstance(m, nn.QuantizedLinear)
    ]
    if linears:
        model.update_modules(tree_unflatten(linears))
    model.set_dtype(mx.float32)
    mx.eval(model.parameters())


def unfreeze_last(model: Any, num_layers: int) -> None:
    """Make the last ``num_layers`` blocks (-1: all) trainable themselves.

    They are widened first, for 4-bit weights cannot follow a gradient.
    """
    for block in model.layers[-max(num_layers, 0) :]:
        widen(block)
        block.unfreeze()


def _dequantized(layer: nn.QuantizedLinear) -> nn.Linear:
    scales, biases = layer.scales, layer.get("biases")
    if biases is not None:  # affine; computed in float32, for float16 would round each weight
        scales, biases = scales.astype(mx.float32), biases.astype(mx.float32)
    linear = nn.Linear(1, 1, bias="bias" in layer)
    weight = mx.dequantize(layer.weight, scales, biases, layer.group_size, layer.bits, layer.mode)
    linear.weight = weight.astype(mx.float32)
    if "bias" in layer:
        linear.bias = layer.bias
    return linear


def transformer(model: nn.Module) -> Any:
    """Return the part of an mlx_lm model that maps (B, T) token ids to (B, T, D) hidden states.

    It comes without the language-model head.
    """
    inner = getattr(model, "language_model", model)
    for name in ("model", "transformer", "backbone"):
        if isinstance(getattr(inner, name, None), nn.Module):
            return getattr(inner, name)
    raise InputError(
        f"{type(model).__module__}: no part of this architecture gives hidden states; "
        "choose another backbone"
    )
