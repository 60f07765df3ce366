"""The reward model: a frozen backbone with adapters, or its last blocks themselves, and a scalar head on the last token."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.switch_layers import QuantizedSwitchLinear, SwitchLinear
from mlx_lm.tuner.utils import linear_to_lora_layers

from mlx_reward import on_cpu
from mlx_reward.backbone import transformer, unfreeze_last
from mlx_reward.blocks import Checkpointed, blocks, replaced
from mlx_reward.errors import InputError
from mlx_reward.frozen import given
from mlx_reward.packed_cache import PackedCache, can_pack, ends_only
from mlx_reward.prefix_cache import can_share

MLP_WIDTH = 256
LAYERS = (nn.Linear, nn.QuantizedLinear, SwitchLinear, QuantizedSwitchLinear)  # that can carry adapters


class RewardNetwork(nn.Module):
    """r(x, y) = w . h + b, with h the hidden state (after the final norm) of the last non-padding token.

    The head is linear, or a perceptron with one hidden layer (mlp).
    """

    def __init__(self, backbone: nn.Module, head: str = "linear", grad_checkpoint: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # mlx.nn carries no types
        self.backbone = backbone
        self.hidden_size = hidden_size(backbone)
        self.head = _head(head, self.hidden_size)
        self._replaceable = on_cpu.modules(backbone)
        self._shares_prefix = can_share(backbone)
        self._grad_checkpoint = grad_checkpoint
        self.eval()  # dropout off while it is tried
        self._packs = mx.default_device() == mx.cpu and can_pack(self._packed_hidden)
        self.train()

    @property
    def shares_prefix(self) -> bool:
        """Whether responses to one prompt can share its computation; every architecture with plain attention can.

        Not so where blocks run again in the backward pass: keys and values that one pass hands to another would be lost.
        """
        return self._shares_prefix and (self._packs or not self._checkpoints)

    @property
    def packs(self) -> bool:
        """Whether texts can run packed, which is how a CPU runs them best; most architectures can."""
        return self._packs

    def hidden(self, tokens: mx.array, cache: Sequence[Any] | None = None, below: mx.array | None = None) -> mx.array:
        """Hidden states (B, T, D) of ``tokens`` (B, T), after the final norm.

        ``below`` (B, T, D), where known, is what comes out of the frozen blocks, which then do not run.
        """
        with self._on_cpu(), given(self.backbone, below), self._checkpointed():
            states: mx.array = transformer(self.backbone)(tokens, cache=cache)
            return states

    def _on_cpu(self) -> AbstractContextManager[None]:
        return on_cpu.replaced(self._replaceable)

    @property
    def _checkpoints(self) -> bool:
        return self._grad_checkpoint and self.training

    @contextmanager
    def _checkpointed(self) -> Iterator[None]:
        if not self._checkpoints:
            yield
            return
        with replaced(self.backbone, [Checkpointed(block, self._on_cpu) for block in blocks(self.backbone)]):
            yield

    def shift(self, amount: float) -> None:
        """Add ``amount`` to every reward; margins stay as they are."""
        last = self.head if isinstance(self.head, nn.Linear) else self.head.layers[-1]
        last.bias = last.bias + amount

    def _packed_hidden(self, tokens: mx.array, cache: PackedCache | None) -> mx.array:
        if cache is None:
            return self.hidden(tokens)
        with ends_only(self.backbone):
            return self.hidden(tokens, cache.for_layers(self.backbone))

    def __call__(
        self, tokens: mx.array, lengths: mx.array, cache: Sequence[Any] | None = None, below: mx.array | None = None
    ) -> mx.array:
        """Rewards (B,) of right-padded ``tokens`` (B, T) with ``lengths`` (B,); causality keeps padding out of them."""
        return self.value(mx.take_along_axis(self.hidden(tokens, cache, below), (lengths - 1)[:, None, None], axis=1)[:, 0])

    def value(self, last: mx.array) -> mx.array:
        """Rewards (N,) from the hidden states (N, D) of last tokens."""
        values: mx.array = self.head(last.astype(mx.float32))
        return values[:, 0]


def _head(kind: str, hidden_size: int) -> nn.Module:
    """Its last layer starts at zero, so that every reward is 0 and the first Bradley-Terry loss is log 2."""
    last = nn.Linear(hidden_size if kind == "linear" else MLP_WIDTH, 1)
    last.update({"weight": mx.zeros_like(last.weight), "bias": mx.zeros((1,))})
    return last if kind == "linear" else nn.Sequential(nn.Linear(hidden_size, MLP_WIDTH), nn.Tanh(), last)


def with_adapters(
    backbone: nn.Module,
    num_layers: int,
    rank: int,
    scale: float,
    dropout: float,
    fine_tune_type: str = "lora",
    head: str = "linear",
    keys: list[str] | None = None,
    grad_checkpoint: bool = False,
) -> RewardNetwork:
    """A trainable reward model over the frozen ``backbone``: adapters on the linear layers of its last ``num_layers`` blocks.

    As in mlx-lm, ``num_layers`` -1 means all blocks, ``keys`` None all linear layers, and ``fine_tune_type`` is lora, dora or
    full, which trains the blocks themselves. With ``grad_checkpoint`` blocks run again in the backward pass. InputError where
    ``keys`` name no layer of the backbone.
    """
    if fine_tune_type == "full":
        unfreeze_last(backbone, num_layers)
        return RewardNetwork(backbone, head, grad_checkpoint)
    unknown = set(keys or ()) - {name for block in blocks(backbone) for name, _ in block.named_modules()}
    if unknown:
        found = sorted({n for block in blocks(backbone) for n, m in block.named_modules() if isinstance(m, LAYERS)})
        raise InputError(f"train.lora.keys: no layer is called {', '.join(sorted(unknown))}; there are {', '.join(found)}")
    config = {"rank": rank, "scale": scale, "dropout": dropout, "keys": set(keys) if keys else None}
    linear_to_lora_layers(backbone, num_layers, config, use_dora=fine_tune_type == "dora")
    return RewardNetwork(backbone, head, grad_checkpoint)


def hidden_size(backbone: nn.Module) -> int:
    """D of the hidden states, read off the shape of what the backbone computes for one token."""
    return int(transformer(backbone)(mx.zeros((1, 1), dtype=mx.int32), cache=None).shape[-1])


def adapter_config(
    num_layers: int, rank: int, scale: float, dropout: float, fine_tune_type: str = "lora", keys: list[str] | None = None
) -> dict[str, object]:
    """adapter_config.json as mlx_lm writes and reads it."""
    lora = {"rank": rank, "scale": scale, "dropout": dropout, "keys": keys}
    return {"fine_tune_type": fine_tune_type, "num_layers": num_layers, "lora_parameters": lora}
