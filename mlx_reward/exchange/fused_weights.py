"""The backbone of a model with its adapters fused into its weights, not quantized."""

from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.utils import dequantize_model

from mlx_reward.backbones.load import widen
from mlx_reward.data.chat import Renderer, load_renderer
from mlx_reward.model import checkpoint
from mlx_reward.model.network import RewardNetwork
from mlx_reward.utils.errors import InputError

DTYPES = {"float32": mx.float32, "bfloat16": mx.bfloat16}
# Fields of config.json that no longer hold once the weights are dequantized.
QUANTIZATION_FIELDS = ("quantization", "quantization_config", "torch_dtype", "dtype")


def load_member(folder: Path, base: Path, member: int) -> tuple[RewardNetwork, Renderer]:
    """Return one model of the ensemble in ``folder`` over the backbone ``base``.

    ``member`` counts from 1; InputError if there is no such model.
    """
    loaded = checkpoint.load(folder, base)
    if not 1 <= member <= len(loaded.members):
        raise InputError(f"--member {member}: the model has {len(loaded.members)}")
    loaded.network.update(loaded.members[member - 1])
    return loaded.network, load_renderer(base, **loaded.config.rendering)


def fused_weights(network: RewardNetwork, dtype: str) -> dict[str, mx.array]:
    """Return the backbone's weights by mlx_lm's names, which are transformers' too.

    Adapters are fused in float32, then all weights become ``dtype``. Changes ``network``.
    """
    backbone = network.backbone
    widen(backbone)
    fused_modules = [
        (name, module.fuse(dequantize=True))
        for name, module in backbone.named_modules()
        if hasattr(module, "fuse")
    ]
    if fused_modules:
        backbone.update_modules(tree_unflatten(fused_modules))
    weights: Any = tree_flatten(dequantize_model(backbone).parameters())
    return {name: weight.astype(DTYPES[dtype]) for name, weight in weights}
