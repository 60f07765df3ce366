"""Rewards of token ids, and what the frozen blocks make of them: in batches of bounded size, on
every core.
"""

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.generate import wired_limit
from numpy.typing import NDArray

from mlx_reward.cpu.way import takes_cpu_way
from mlx_reward.engine import padded, slices, varlen
from mlx_reward.engine.batch_tokens import CPU_BATCH_TOKENS, accelerator_batch_tokens
from mlx_reward.engine.capabilities import Capabilities
from mlx_reward.engine.features import FrozenFeatures, frozen_blocks
from mlx_reward.engine.prefix_groups import distinct
from mlx_reward.engine.runner import CANNOT, Runner, evaluation_mode
from mlx_reward.engine.streams import streams
from mlx_reward.engine.worker import run_on_worker
from mlx_reward.model.adapters import merge_adapters
from mlx_reward.model.checkpoint import Tree
from mlx_reward.model.network import RewardNetwork, with_weights
from mlx_reward.utils.progress import bar

Batches = Sequence[list[int]]
Texts = Sequence[list[int]]


class Engine:
    """Runs ``network`` over token ids.

    What texts of a batch begin with in common, a prompt or anything else, runs once.

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

    def with_weights(self, weights: Tree, merge: bool = False) -> "Engine":
        """Return an engine for scoring with other trained weights over the same frozen arrays.

        With ``merge``, a CPU's has LoRA added to the weights that it adapts, which takes memory for
        a copy of these.
        """
        twin = with_weights(self.network, weights)
        if merge and takes_cpu_way():
            merge_adapters(twin)
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
    def batch_tokens(self) -> int:
        """About how many tokens fill a batch while nothing is trained."""
        if takes_cpu_way():
            return CPU_BATCH_TOKENS
        return accelerator_batch_tokens(mx.device_info(), self.network.hidden_size)

    @property
    def frozen_blocks(self) -> int:
        """How many blocks from the first on hold nothing that is trained."""
        return frozen_blocks(self.network.backbone)

    def forward(self, texts: Texts, features: FrozenFeatures | None = None) -> mx.array:
        """Return rewards (N,) of one batch of ``texts``, in their order; differentiable.

        ``features`` holds what the frozen blocks make of them, where that is known. The backward
        pass of each part of the batch runs on the stream of its forward pass.
        """
        return self._read(texts, features, self.network.head_rewards)

    def _read(
        self,
        texts: Texts,
        features: FrozenFeatures | None,
        read: Callable[[mx.array], mx.array],
    ) -> mx.array:
        """Return what ``read`` makes of the hidden states (M, D) of last tokens, for all texts.

        It reads those of each part of the batch, on the part's stream.
        """
        shares = slices.streams_of_each(texts, streams()) if features is None else []
        if shares and self._can_slice:
            pairs = zip(texts, shares, strict=True)
            return mx.concatenate([slices.read_last(self._runner, *pair, read) for pair in pairs])
        way = self._way
        found: list[mx.array] = []
        parts = way.parts(self._runner, texts, len(streams()))
        for part, stream in zip(parts, streams(), strict=False):
            with mx.stream(stream):
                found.append(read(way.last_states(self._runner, texts, part, features)))
        return mx.concatenate(found)[mx.array(self._place_of_each_text(parts))]

    def batch_features(self, texts: Texts) -> FrozenFeatures:
        """Return what the frozen blocks make of one batch of ``texts``."""
        way = self._way
        found: list[mx.array] = []
        parts = way.parts(self._runner, texts, len(streams()))
        for part, stream in zip(parts, streams(), strict=False):
            with mx.stream(stream):
                found += way.features(self._runner, texts, part)
        states = mx.concatenate([found[place] for place in self._place_of_each_text(parts)])
        return FrozenFeatures.of_texts(states, texts)

    def score(
        self,
        texts: Texts,
        what: str = "score",
        features: FrozenFeatures | None = None,
        share: Callable[[Batches], Batches] = lambda batches: batches,
        merge: Callable[[mx.array], mx.array] | None = None,
    ) -> NDArray[np.float64]:
        """Return rewards (N,) of the token ids ``texts``, in their order, with dropout off.

        ``what`` names the job on the progress bar. Where several processes work together, ``share``
        picks this one's batches and ``merge`` adds up all processes' (N,) rewards, which are 0 for
        texts of other batches.
        """
        firsts, groups = distinct(texts)  # each different text is encoded once
        rewards = np.zeros(len(texts), dtype=np.float32)
        batches = share(self.batches([texts[i] for i in firsts]))
        total = sum(map(len, batches))
        progress_bar = bar(total=total, what=what, unit="text")
        with evaluation_mode(self.network), wired_limit(self.network), progress_bar as progress:
            for batch in batches:
                text_ids = [firsts[place] for place in batch]
                own = [texts[i] for i in text_ids]
                known = features.take(text_ids) if features else None
                rewards[text_ids] = self.batch_rewards(own, known)
                progress.update(len(batch))
        mx.clear_cache()
        merged = rewards if merge is None else np.array(merge(mx.array(rewards)))
        return merged.astype(np.float64)[[firsts[group] for group in groups]]

    def batch_rewards(
        self, texts: Texts, features: FrozenFeatures | None = None
    ) -> NDArray[np.float32]:
        """Return the values of ``forward``, for any thread."""

        def run() -> NDArray[np.float32]:
            rewards = self.forward(texts, features)
            mx.eval(rewards)  # which lets other threads run meanwhile; np.array alone would not
            return np.array(rewards)

        return run_on_worker(run)

    def batch_head_inputs(
        self, texts: Texts, features: FrozenFeatures | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return rewards (N,) of one batch and what the head's last layer makes them of, (N, W)."""
        network = self.network

        def read(last: mx.array) -> mx.array:
            rewards = network.head_rewards(last)
            return mx.concatenate([rewards[:, None], network.head_inputs(last)], axis=1)

        def run() -> NDArray[np.float32]:
            columns = self._read(texts, features, read)
            mx.eval(columns)
            return np.array(columns)

        columns = run_on_worker(run)
        return columns[:, 0], columns[:, 1:]

    def features(self, texts: Texts) -> FrozenFeatures:
        """Return what the frozen blocks make of all ``texts``, computed in batches."""
        starts = np.cumsum([0, *map(len, texts)]).tolist()
        joined: mx.array | None = None  # filled in place, so that they take their memory once
        with bar(total=len(texts), what="frozen blocks", unit="text") as progress:
            for batch in self.batches(texts):
                own = [texts[i] for i in batch]
                states = self.batch_features(own).states
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

    def batches(self, texts: Texts) -> list[list[int]]:
        """Return indices of ``texts`` in batches of about ``batch_tokens`` tokens to run."""
        return self._way.batches(self._runner, texts, self.batch_tokens) if texts else []

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

    @property
    def _can_slice(self) -> bool:
        """Whether a text can be cut for several cores; training has enough texts without."""
        return takes_cpu_way() and self.shares_prefix and not self.network.training

    @property
    def _way(self) -> Any:
        """The module that runs a batch: varlen or padded."""
        return varlen if self.padding_free else padded

    def _place_of_each_text(self, parts: list[Any]) -> list[int]:
        """Return, for each text, its place in the results of all ``parts``, one after the other."""
        text_ids = [i for part in parts for i in self._way.text_ids(part)]
        order: list[int] = np.argsort(text_ids).tolist()
        return order
