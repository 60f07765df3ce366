"""One forward pass of a reward network's backbone: which blocks run, on what, and what its
architecture allows.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import mlx.core as mx

from mlx_reward.backbones.blocks import blocks
from mlx_reward.cpu.install import install
from mlx_reward.cpu.way import takes_cpu_way
from mlx_reward.engine.block_roles import LayerCache, roles, thread_roles, wrap_blocks
from mlx_reward.engine.capabilities import (
    Capabilities,
    keep_capabilities,
    known_capabilities,
)
from mlx_reward.engine.features import frozen_blocks
from mlx_reward.engine.prefix_cache import can_share_prefix
from mlx_reward.engine.rope import position_limit
from mlx_reward.engine.varlen_cache import VarlenCache, varlen_obstacle
from mlx_reward.model.network import RewardNetwork

# What a foreign architecture may raise where it is run in another way than it was written for.
CANNOT = (
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    KeyError,
    StopIteration,
    NotImplementedError,
    RuntimeError,
)

_told: set[str] = set()  # architectures


class Runner:
    """Runs ``network``.

    Its blocks are wrapped, and what its architecture allows is tried, when the runner is made.

    ``grad_checkpoint``: blocks run again in the backward pass, which saves memory.
    ``capabilities``, where another runner has found them out for a network of the same
    architecture.
    """

    def __init__(
        self,
        network: RewardNetwork,
        grad_checkpoint: bool = False,
        capabilities: Capabilities | None = None,
    ) -> None:
        self.network = network
        self._grad_checkpoint = grad_checkpoint
        install(network.backbone)
        wrap_blocks(network.backbone)
        self._attention_only = can_share_prefix(network.backbone)
        self.padding_free = False  # until it is tried out
        self.capabilities = capabilities or self._find_out()
        self.padding_free = self.capabilities.padding_free
        self._say_once()

    @property
    def shares_prefix(self) -> bool:
        """Whether texts can share the computation of what they begin with.

        Not so in padded batches where blocks run again in the backward pass: keys and values that
        one pass hands to another would be lost.
        """
        return self.capabilities.shares_prefix and (self.padding_free or not self._recomputes)

    def hidden_states(
        self,
        tokens: mx.array,
        cache: Sequence[LayerCache] | None = None,
        inject: mx.array | None = None,
        capture: list[mx.array] | None = None,
    ) -> mx.array:
        """Return hidden states (B, T, D) of ``tokens`` (B, T), after the final norm.

        With a ``VarlenCache`` they are those of last tokens alone, (N, 1, D). ``inject`` (B, T, D),
        where known, is what comes out of the frozen blocks, which then do not run. With ``capture``
        only these run, and what comes out of them is appended to it.
        """
        backbone = self.network.backbone
        layers = blocks(backbone)
        layout = cache[0].layout if cache and isinstance(cache[0], VarlenCache) else None
        uses_features = inject is not None or capture is not None
        frozen = frozen_blocks(backbone) if uses_features else 0
        if layout is not None and inject is not None and frozen == len(layers):
            inject = inject[
                mx.array(layout.last_token_indices)
            ]  # the last block does not run either
        block_roles = roles(
            layers=len(layers),
            frozen=frozen,
            inject=inject,
            capture=capture,
            last_tokens=layout is not None and capture is None,
            recompute=self._recomputes,
        )
        if cache is None and self._attention_only:
            cache = [LayerCache() for _ in backbone.layers]
        for layer_cache, role in zip(cache or (), block_roles, strict=False):
            layer_cache.role = role
        with thread_roles(layers, [] if cache else block_roles):
            return self.network.hidden_states(tokens, cache)

    @property
    def _recomputes(self) -> bool:
        return self._grad_checkpoint and self.network.training

    def _find_out(self) -> Capabilities:
        known = known_capabilities(self.network.backbone)
        if known is None:
            known = self._try_out()
            keep_capabilities(self.network.backbone, known)
        return known

    def _try_out(self) -> Capabilities:
        limit = position_limit(self.network.backbone, CANNOT)
        if limit:
            why_padded: str | None = "its rotary embedding changes with the length of a text"
        elif not takes_cpu_way():
            why_padded = "an accelerator runs them best"
        else:
            with evaluation_mode(self.network):  # dropout would tell the two ways apart
                why_padded = varlen_obstacle(self._last_states, CANNOT)
        return Capabilities(
            padding_free=why_padded is None,
            shares_prefix=self._attention_only and limit is None,
            position_limit=limit,
            why_padded=why_padded or "",
        )

    def _say_once(self) -> None:
        """Tell, once for an architecture, where it does not run as this device does it best."""
        best = self.capabilities.padding_free or not takes_cpu_way()
        architecture = type(self.network.backbone).__module__.rpartition(".")[2]
        if architecture in _told or (best and self.capabilities.shares_prefix):
            return
        _told.add(architecture)
        print(f"note: {architecture} runs {self.capabilities}", file=sys.stderr)

    def _last_states(self, tokens: mx.array, cache: VarlenCache | None) -> mx.array:
        return self.hidden_states(
            tokens, cache.for_layers(self.network.backbone) if cache else None
        )


@contextmanager
def evaluation_mode(network: RewardNetwork) -> Iterator[None]:
    """While open, dropout is off; afterwards the network trains as before, whatever happened.

    A network that is not in training is not touched, so that other threads may run it meanwhile.
    """
    if not network.training:
        yield
        return
    network.eval()
    try:
        yield
    finally:
        network.train()
