"""The reward model: a frozen backbone with adapters, or its last blocks themselves, and a scalar
head on the last token.
"""

import copy
from collections.abc import Sequence
from typing import Any, TypeVar

import mlx.core as mx
import mlx.nn as nn

from mlx_reward.backbones.load import transformer

MLP_WIDTH = 256
Module = TypeVar("Module", bound=nn.Module)


class RewardNetwork(nn.Module):
    """r(x, y) = w . h + b, with h the hidden state (after the final norm) of the last non-padding
    token.

    The head is linear, or a perceptron with one hidden layer (mlp).
    """

    def __init__(self, backbone: nn.Module, head: str = "linear") -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # mlx.nn carries no types
        self.backbone = backbone
        self.hidden_size = hidden_size(backbone)
        self.head = _head(head, self.hidden_size)

    def __call__(self, tokens: mx.array, lengths: mx.array) -> mx.array:
        """Return rewards (B,) of right-padded ``tokens`` (B, T) with ``lengths`` (B,); causality
        keeps padding out of them.
        """
        return self.head_rewards(last_states(self.hidden_states(tokens), lengths))

    def hidden_states(self, tokens: mx.array, cache: Sequence[Any] | None = None) -> mx.array:
        """Return hidden states (B, T, D) of ``tokens`` (B, T), after the final norm."""
        states: mx.array = transformer(self.backbone)(tokens, cache=cache)
        return states

    def head_rewards(self, last: mx.array) -> mx.array:
        """Return rewards (N,) from the hidden states (N, D) of last tokens."""
        values: mx.array = self.head(last.astype(mx.float32))
        return values[:, 0]

    def head_inputs(self, last: mx.array) -> mx.array:
        """Return what the head's last linear layer makes rewards of, (N, W): W is D, or the width
        of an mlp.
        """
        states = last.astype(mx.float32)
        for layer in [] if isinstance(self.head, nn.Linear) else self.head.layers[:-1]:
            states = layer(states)
        return states

    @property
    def last_layer(self) -> nn.Linear:
        """The last linear layer: the head itself, or that of an mlp."""
        return self.head if isinstance(self.head, nn.Linear) else self.head.layers[-1]

    def shift(self, amount: float) -> None:
        """Add ``amount`` to every reward; margins stay as they are."""
        self.last_layer.bias = self.last_layer.bias + amount


def with_weights(network: RewardNetwork, weights: dict[str, Any]) -> RewardNetwork:
    """Return a network with other trained ``weights`` (a tree) over the same frozen arrays, with
    dropout off.
    """
    twin = twin_of(network)
    twin.update(weights)
    twin.eval()
    return twin


def twin_of(module: Module) -> Module:
    """Return a copy of ``module`` and its parts over the same arrays: what one is updated with, the
    other does not see, and neither takes memory for itself.
    """
    named: Any = module.named_modules()  # type: ignore[no-untyped-call]  # mlx.nn carries no types
    parts = [part for _, part in named]
    arrays = {id(a): a for part in parts for a in part.values() if isinstance(a, mx.array)}
    return copy.deepcopy(module, arrays)


def last_states(states: mx.array, lengths: mx.array) -> mx.array:
    """Return (B, D), the states of the last of ``lengths`` (B,) tokens in ``states`` (B, T, D)."""
    return mx.take_along_axis(states, (lengths - 1)[:, None, None], axis=1)[:, 0]


def hidden_size(backbone: nn.Module) -> int:
    """Return D of the hidden states, read off the shape of what the backbone computes for one
    token.
    """
    return int(transformer(backbone)(mx.zeros((1, 1), dtype=mx.int32), cache=None).shape[-1])


def _head(kind: str, hidden_size: int) -> nn.Module:
    """Make a head whose last layer is zero, so that every reward is 0 and the first Bradley-Terry
    loss is log 2.
    """
    last = nn.Linear(hidden_size if kind == "linear" else MLP_WIDTH, 1)
    last.update({"weight": mx.zeros_like(last.weight), "bias": mx.zeros((1,))})
    return (
        last
        if kind == "linear"
        else nn.Sequential(nn.Linear(hidden_size, MLP_WIDTH), nn.Tanh(), last)
    )
