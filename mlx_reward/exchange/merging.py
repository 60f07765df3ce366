"""A model of an ensemble with its adapters merged into its weights."""

from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.utils import dequantize_model

from mlx_reward import checkpoint
from mlx_reward.backbone import widen
from mlx_reward.errors import InputError
from mlx_reward.model import RewardNetwork
from mlx_reward.rendering import Renderer

UNQUANTIZED = ("quantization", "quantization_config", "torch_dtype", "dtype")  # what config.json says no longer
DTYPES = {"float32": mx.float32, "bfloat16": mx.bfloat16}


def load_member(folder: Path, base: Path, member: int) -> tuple[RewardNetwork, Renderer]:
    """The ``member``, from 1 on, of the model in ``folder`` over ``base``."""
    ensemble, renderer, _ = checkpoint.load(folder, base)
    if not 1 <= member <= len(ensemble.members):
        raise InputError(f"--member {member}: the model has {len(ensemble.members)}")
    ensemble.network.update(ensemble.members[member - 1])
    return ensemble.network, renderer


def merged(network: RewardNetwork, dtype: str) -> dict[str, mx.array]:
    """Weights of the backbone by mlx_lm's names, which are transformers' too: merged in float32, then ``dtype``."""
    backbone = network.backbone
    widen(backbone)
    fused = [(name, m.fuse(dequantize=True)) for name, m in backbone.named_modules() if hasattr(m, "fuse")]
    if fused:
        backbone.update_modules(tree_unflatten(fused))
    flat: Any = tree_flatten(dequantize_model(backbone).parameters())
    return {name: weight.astype(DTYPES[dtype]) for name, weight in flat}
