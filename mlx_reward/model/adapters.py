"""Adapters on a frozen backbone (LoRA, DoRA), or its last blocks made trainable themselves, and how
mlx_lm records them.
"""

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_unflatten
from mlx_lm.models.switch_layers import QuantizedSwitchLinear, SwitchLinear
from mlx_lm.tuner.lora import LoRALinear
from mlx_lm.tuner.utils import linear_to_lora_layers

from mlx_reward.backbones.blocks import blocks
from mlx_reward.backbones.load import unfreeze_last
from mlx_reward.model.network import RewardNetwork
from mlx_reward.utils.errors import InputError

LAYERS = (
    nn.Linear,
    nn.QuantizedLinear,
    SwitchLinear,
    QuantizedSwitchLinear,
)  # that can carry adapters


def with_adapters(
    backbone: nn.Module,
    num_layers: int,
    rank: int,
    scale: float,
    dropout: float,
    fine_tune_type: str = "lora",
    head: str = "linear",
    keys: list[str] | None = None,
) -> RewardNetwork:
    """Return a trainable reward model over ``backbone``: adapters on the linear layers of its last
    ``num_layers`` blocks.

    As in mlx-lm, ``num_layers`` -1 means all blocks, ``keys`` None all linear layers, and
    ``fine_tune_type`` is lora, dora or full, which trains the blocks themselves. InputError where
    ``keys`` name no layer of the backbone.
    """
    if fine_tune_type == "full":
        unfreeze_last(backbone, num_layers)
        return RewardNetwork(backbone, head)
    unknown = set(keys or ()) - {
        name for block in blocks(backbone) for name, _ in block.named_modules()
    }
    if unknown:
        found = sorted(
            {
                n
                for block in blocks(backbone)
                for n, m in block.named_modules()
                if isinstance(m, LAYERS)
            }
        )
        raise InputError(
            f"train.lora.keys: no layer is called {', '.join(sorted(unknown))}; "
            f"there are {', '.join(found)}"
        )
    if fine_tune_type == "dora":
        _refuse_dora(backbone, num_layers)
    config = {"rank": rank, "scale": scale, "dropout": dropout, "keys": set(keys) if keys else None}
    linear_to_lora_layers(backbone, num_layers, config, use_dora=fine_tune_type == "dora")
    return RewardNetwork(backbone, head)


def merge_adapters(network: RewardNetwork) -> None:
    """Add LoRA's product to the float32 weights that it adapts, in place: the same rewards from a
    third of the matmuls.

    Adapters on quantized layers stay, for their sum would be rounded again, and so do other kinds.
    What was trained still counts as such, so that the same blocks are known as frozen.
    """
    merged: list[tuple[str, nn.Module]] = []
    for name, layer in network.named_modules():
        if not isinstance(layer, LoRALinear) or layer.linear.weight.dtype != mx.float32:
            continue
        linear: nn.Linear = layer.linear
        linear.weight = linear.weight + (layer.scale * layer.lora_b.T) @ layer.lora_a.T
        linear.unfreeze()
        mx.eval(linear.weight)  # one after the other, so that few products are held at once
        merged.append((name, linear))
    network.update_modules(tree_unflatten(merged))


def _refuse_dora(backbone: nn.Module, num_layers: int) -> None:
    """InputError where mlx_lm's DoRA, which takes 2, 4 and 8 bits, cannot unpack the weights."""
    for block in blocks(backbone)[-num_layers if num_layers > 0 else 0 :]:
        for name, layer in block.named_modules():
            if isinstance(layer, nn.QuantizedLinear) and layer.bits not in (2, 4, 8):
                raise InputError(
                    f"train.fine_tune_type is dora: {name} has {layer.bits} bits a weight, and "
                    "DoRA takes 2, 4 or 8; set base.quantize to 4 or 8, or use lora"
                )


def adapter_config(
    num_layers: int,
    rank: int,
    scale: float,
    dropout: float,
    fine_tune_type: str = "lora",
    keys: list[str] | None = None,
) -> dict[str, object]:
    """Return adapter_config.json as mlx_lm writes and reads it."""
    lora = {"rank": rank, "scale": scale, "dropout": dropout, "keys": keys}
    return {"fine_tune_type": fine_tune_type, "num_layers": num_layers, "lora_parameters": lora}
