"""Rewards of token ids, and what the frozen blocks make of them: in batches of bounded size, on
every core.
"""

from collections.abc import Callable, Hashable, Sequence

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from mlx_reward.engine import padded, varlen
from mlx_reward.engine.features import FrozenFeatures, frozen_blocks
from mlx_reward.engine.prefix_groups import (
    PrefixGroup,
    balance,
    distinct,
    group_by_prefix,
    token_batches,
)
from mlx_reward.engine.runner import CANNOT, Capabilities, Runner, evaluation_mode
from mlx_reward.engine.streams import streams
from mlx_reward.model.checkpoint import Tree
from mlx_reward.model.network import RewardNetwork, with_weights
from mlx_reward.utils.progress import bar

BATCH_TOKENS = 4096  # a batch, over all streams: best of 1,024 to 8,192 on two cores

Batches = Sequence[list[int]]
Texts = Sequence[list[int]]


class Engine:
    """Runs ``network`` over token ids.

    Texts with the same entry in ``prompts`` share the computation of what they begin with.

    ``grad_checkpoint``: blocks run again in the backward pass, which saves memory.
    """

    def __init__(
        self,
        network: RewardNetwork,
        grad_checkpoint: bool = False,
        capabilities: Capabilities | None = None,
    ) -> None:
        self.network = network
        self._runner = Runner(network, grad_checkpoint, capabilities)
        self._reuses_features: bool | None = None  # until it is tried

    def with_weights(self, weights: Tree) -> "Engine":
        """Return an engine for scoring with other trained weights over the same frozen arrays."""
        twin = with_weights(self.network, weights)
        return Engine(twin, capabilities=self._runner.capabilities)

    @property
    def padding_free(self) -> bool:
        """Whether texts run without padding, which is how a CPU runs them best; most architectures
        can.
        """
        return self._runner.padding_free

    @property
    def shares_prefix(self) -> bool:
        """Whether texts share the computation of what they begin with."""
        return self._runner.shares_prefix

    @property
    def frozen_blocks(self) -> int:
        """How many blocks from the first on hold nothing that is trained."""
        return frozen_blocks(self.network.backbone)

    def forward(
        self, texts: Texts, prompts: Sequence[Hashable], features: FrozenFeatures | None = None
    ) -> mx.array:
        """Return rewards (N,) of one batch of ``texts``, in their order; differentiable.

        ``features`` holds what the frozen blocks make of them, where that is known. The backward
        pass of each part of the batch runs on the stream of its forward pass.
        """
        way = varlen if self.padding_free else padded
        found: list[mx.array] = []
        parts = self._parts(texts, prompts)
        for part, stream in zip(parts, streams(), strict=False):
            with mx.stream(stream):
                found.append(way.rewards(self._runner, texts, part, features))
        return mx.concatenate(found)[mx.array(_place_of_each_text(parts))]

    def batch_features(self, texts: Texts, prompts: Sequence[Hashable]) -> FrozenFeatures:
        """Return what the frozen blocks make of one batch of ``texts``."""
        way = varlen if self.padding_free else padded
        found: list[mx.array] = []
        parts = self._parts(texts, prompts)
        for part, stream in zip(parts, streams(), strict=False):
            with mx.stream(stream):
                found += way.features(self._runner, texts, part)
        states = mx.concatenate([found[place] for place in _place_of_each_text(parts)])
        return FrozenFeatures.of_texts(states, texts)

    def score(
        self,
        texts: Texts,
        prompts: Sequence[Hashable],
        what: str = "score",
        features: FrozenFeatures | None = None,
        share: Callable[[Batches], Batches] = lambda batches: batches,
        merge: Callable[[mx.array], mx.array] = lambda rewards: rewards,
    ) -> NDArray[np.float64]:
        """Return rewards (N,) of the token ids ``texts``, in their order, with dropout off.

        ``what`` names the job on the progress bar. Where several processes work together, ``share``
        picks this one's batches and ``merge`` adds up all processes' (N,) rewards, which are 0 for
        texts of other batches.
        """
        firsts, groups = distinct(texts)  # each different text is encoded once
        rewards = np.zeros(len(texts), dtype=np.float32)
        batches = share(self.batches([texts[i] for i in firsts], [prompts[i] for i in firsts]))
        total = sum(map(len, batches))
        with evaluation_mode(self.network), bar(total=total, what=what, unit="text") as progress:
            for batch in batches:
                text_ids = [firsts[place] for place in batch]
                rewards[text_ids] = np.array(self._forward_some(texts, prompts, text_ids, features))
                progress.update(len(batch))
        mx.clear_cache()
        merged = np.array(merge(mx.array(rewards)), dtype=np.float64)
        return merged[[firsts[group] for group in groups]]

    def _forward_some(
        self,
        texts: Texts,
        prompts: Sequence[Hashable],
        text_ids: list[int],
        features: FrozenFeatures | None,
    ) -> mx.array:
        known = features.take(text_ids) if features else None
        rewards = self.forward([texts[i] for i in text_ids], [prompts[i] for i in text_ids], known)
        mx.eval(rewards)  # which lets other threads run meanwhile; np.array alone would not
        return rewards

    def features(self, texts: Texts, prompts: Sequence[Hashable]) -> FrozenFeatures:
        """Return what the frozen blocks make of all ``texts``, computed in batches."""
        starts = np.cumsum([0, *map(len, texts)]).tolist()
        joined: mx.array | None = None  # filled in place, so that they take their memory once
        with bar(total=len(texts), what="frozen blocks", unit="text") as progress:
            for batch in self.batches(texts, prompts):
                own = [texts[i] for i in batch]
                states = self.batch_features(own, [prompts[i] for i in batch]).states
                mx.eval(states)
                if joined is None:
                    joined = mx.zeros((starts[-1], states.shape[1]), dtype=states.dtype)
                end = 0
                for i, text in zip(batch, own, strict=True):
                    joined[starts[i] : starts[i + 1]] = states[end : end + len(text)]
                    end += len(text)
                mx.eval(joined)
                progress.update(len(batch))
        return FrozenFeatures.of_texts(mx.zeros((0,)) if joined is None else joined, texts)

    def batches(self, texts: Texts, prompts: Sequence[Hashable]) -> list[list[int]]:
        """Return indices of ``texts`` in batches of about BATCH_TOKENS tokens."""
        return token_batches(texts, prompts, BATCH_TOKENS, self.shares_prefix)

    def can_reuse_features(self, text: list[int]) -> bool:
        """Tell whether the frozen blocks can be passed over where their output is known; tried
        once, on ``text``.

        Some architectures hand more than one state from block to block, or look past the blocks.
        """
        if self._reuses_features is None:
            self._reuses_features = self.frozen_blocks > 0 and self._try_features(text)
        return self._reuses_features

    def _try_features(self, text: list[int]) -> bool:
        tokens = mx.array([text])
        with evaluation_mode(self.network):
            plain = self._runner.hidden_states(tokens)
            captured: list[mx.array] = []
            try:
                self._runner.hidden_states(tokens, capture=captured)
                fast = self._runner.hidden_states(tokens, inject=captured[-1])
                close = mx.allclose(plain, fast, rtol=1e-3, atol=1e-4).item() is True
                return plain.shape == fast.shape and close
            except CANNOT:
                return False

    def _parts(self, texts: Texts, prompts: Sequence[Hashable]) -> list[list[PrefixGroup]]:
        """Return the prefix groups of ``texts``, dealt to the streams."""
        groups = group_by_prefix(texts, prompts, self.shares_prefix)
        return balance(groups, texts, len(streams()))


def _place_of_each_text(parts: list[list[PrefixGroup]]) -> list[int]:
    """Return, for each text, its place in the results of all ``parts``, one after the other."""
    text_ids = [i for part in parts for group in part for i in group.text_ids]
    order: list[int] = np.argsort(text_ids).tolist()
    return order
