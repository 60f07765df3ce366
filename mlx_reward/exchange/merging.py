"""A model of an ensemble with its adapters merged into its weights."""

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

UNQUANTIZED = (
    "quantization",
    "quantization_config",
    "torch_dtype",
    "dtype",
)  # what config.json says no longer
DTYPES = {"float32": mx.float32, "bfloat16": mx.bfloat16}


def load_member(folder: Path, base: Path, member: int) -> tuple[RewardNetwork, Renderer]:
    """The ``member``, from 1 on, of the model in ``folder`` over ``base``."""
    loaded = checkpoint.load(folder, base)
    if not 1 <= member <= len(loaded.members):
        raise InputError(f"--member {member}: the model has {len(loaded.members)}")
    loaded.network.update(loaded.members[member - 1])
    config = loaded.config
    return loaded.network, load_renderer(base, config.max_seq_length, config.chat_template)


def merged(network: RewardNetwork, dtype: str) -> dict[str, mx.array]:
    """Weights of the backbone by mlx_lm's names, which are transformers' too: merged in float32, then ``dtype``."""
    backbone = network.backbone
    widen(backbone)
    fused = [
        (name, m.fuse(dequantize=True))
        for name, m in backbone.named_modules()
        if hasattr(m, "fuse")
    ]
    if fused:
        backbone.update_modules(tree_unflatten(fused))
    flat: Any = tree_flatten(dequantize_model(backbone).parameters())
    return {name: weight.astype(DTYPES[dtype]) for name, weight in flat}
