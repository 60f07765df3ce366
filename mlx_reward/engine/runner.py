"""One forward pass of a reward network's backbone, with what makes it quick: CPU functions, injected features, checkpointing."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import mlx.core as mx

from mlx_reward.backbones.blocks import blocks
from mlx_reward.cpu import install
from mlx_reward.engine.features import inject
from mlx_reward.engine.passthrough import Checkpointed, replaced
from mlx_reward.engine.prefix_cache import can_share_prefix
from mlx_reward.engine.varlen_cache import VarlenCache, can_run_varlen, last_token_only
from mlx_reward.model.network import RewardNetwork


class Runner:
    """Runs ``network``; finds out once what its architecture allows.

    With ``grad_checkpoint`` blocks run again in the backward pass, which saves memory.
    """

    def __init__(self, network: RewardNetwork, grad_checkpoint: bool = False) -> None:
        self.network = network
        self._grad_checkpoint = grad_checkpoint
        self._cpu_modules = install.modules(network.backbone)
        self._can_share_prefix = can_share_prefix(network.backbone)
        with evaluation_mode(network):  # dropout would tell the two ways apart
            self.padding_free = mx.default_device() == mx.cpu and can_run_varlen(self._last_states)

    @property
    def shares_prefix(self) -> bool:
        """Whether texts can share the computation of what they begin with; architectures with plain attention can.

        Not so in padded batches where blocks run again in the backward pass: keys and values that one pass hands to
        another would be lost.
        """
        return self._can_share_prefix and (self.padding_free or not self._checkpoints)

    def hidden_states(
        self, tokens: mx.array, cache: Sequence[Any] | None = None, features: mx.array | None = None
    ) -> mx.array:
        """Return hidden states (B, T, D) of ``tokens`` (B, T), after the final norm.

        ``features`` (B, T, D), where known, is what comes out of the frozen blocks, which then do not run.
        """
        with self._on_cpu(), inject(self.network.backbone, features), self._checkpointed():
            return self.network.hidden_states(tokens, cache)

    @property
    def _checkpoints(self) -> bool:
        return self._grad_checkpoint and self.network.training

    def _on_cpu(self) -> AbstractContextManager[None]:
        return install.replaced(self._cpu_modules)

    @contextmanager
    def _checkpointed(self) -> Iterator[None]:
        if not self._checkpoints:
            yield
            return
        backbone = self.network.backbone
        with replaced(backbone, [Checkpointed(block, self._on_cpu) for block in blocks(backbone)]):
            yield

    def _last_states(self, tokens: mx.array, cache: VarlenCache | None) -> mx.array:
        if cache is None:
            return self.hidden_states(tokens)
        with last_token_only(self.network.backbone):
            return self.hidden_states(tokens, cache.for_layers(self.network.backbone))


@contextmanager
def evaluation_mode(network: RewardNetwork) -> Iterator[None]:
    """While open, dropout is off; afterwards the network trains as before, whatever happened."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)
