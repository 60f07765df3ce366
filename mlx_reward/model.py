"""The reward model: a frozen backbone with LoRA adapters, and a scalar head on the last token."""

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.tuner.utils import linear_to_lora_layers

from mlx_reward.backbone import transformer


class RewardModel(nn.Module):
    """r(x, y) = w . h + b, with h the hidden state (after the final norm) of the last non-padding token.

    The head starts at zero, so that every reward is 0 and the first Bradley-Terry loss is log 2.
    """

    def __init__(self, backbone: nn.Module, hidden_size: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(hidden_size, 1)
        self.head.update({"weight": mx.zeros((1, hidden_size)), "bias": mx.zeros((1,))})

    def __call__(self, tokens: mx.array, lengths: mx.array) -> mx.array:
        """Rewards (B,) of right-padded ``tokens`` (B, T) with ``lengths`` (B,); causality keeps padding out of them."""
        hidden = transformer(self.backbone)(tokens)  # B T D
        last = mx.take_along_axis(hidden, (lengths - 1)[:, None, None], axis=1)[:, 0]  # B D
        return self.head(last.astype(mx.float32))[:, 0]


def with_adapters(backbone: nn.Module, num_layers: int, rank: int, scale: float, dropout: float) -> RewardModel:
    """A trainable reward model over the frozen ``backbone``: LoRA on every linear layer of its last ``num_layers`` blocks.

    ``num_layers`` -1 means all of them, as in mlx-lm.
    """
    config = {"rank": rank, "scale": scale, "dropout": dropout}
    linear_to_lora_layers(backbone, num_layers, config)
    return RewardModel(backbone, hidden_size(backbone))


def hidden_size(backbone: nn.Module) -> int:
    """D of the hidden states, read off the shape of what the backbone computes for one token."""
    return int(transformer(backbone)(mx.zeros((1, 1), dtype=mx.int32)).shape[-1])


def adapter_config(num_layers: int, rank: int, scale: float, dropout: float) -> dict[str, object]:
    """adapter_config.json as mlx_lm writes and reads it."""
    lora = {"rank": rank, "scale": scale, "dropout": dropout}
    return {"fine_tune_type": "lora", "num_layers": num_layers, "lora_parameters": lora}
