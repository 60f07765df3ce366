"""How much memory a training run takes, computed from the sizes of its model and its batches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import numpy as np

from mlx_reward.config.train import TrainSettings
from mlx_reward.data.dataset import PreferenceDataset, collate
from mlx_reward.data.sampler import batch_sampler
from mlx_reward.engine.prefix_groups import group_by_prefix
from mlx_reward.training.distributed import DataParallel
from mlx_reward.training.parts import parts, shares, units_of_pairs
from mlx_reward.utils.machine import memory_bytes

FLOAT32 = 4  # bytes
# Of each trained weight: itself, its gradient, AdamW's two moments, and the best so far.
COPIES_OF_TRAINED = 5
# mlx_lm's affine quantization keeps a scale and a bias of 16 bits for each group of weights.
BITS_OF_A_GROUP = 32
PROGRAM = 0.25e9  # bytes of Python, MLX and transformers


@dataclass(frozen=True)
class ModelSize:
    """The sizes of a decoder-only transformer, as its config.json has them.

    ``weight_bytes`` and ``embedding_bytes`` are those of one weight, ``activation_bytes`` those of
    one number of a hidden state.
    """

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    weight_bytes: float
    embedding_bytes: float
    activation_bytes: int

    @classmethod
    def of(cls, config: Mapping[str, Any], on_cpu: bool) -> "ModelSize | None":
        """Return the sizes of a backbone by its config.json; None where it names them otherwise.

        On a CPU linear layers and hidden states are float32, elsewhere they stay as stored.
        """
        fields = config.get("text_config", config)
        try:
            heads, hidden = int(fields["num_attention_heads"]), int(fields["hidden_size"])
            quantization = config.get("quantization") or {}
            stored = _bytes_of_a_weight(quantization)
            embedding = quantization.get("model.embed_tokens") or quantization
            return cls(
                hidden=hidden,
                intermediate=int(fields["intermediate_size"]),
                layers=int(fields["num_hidden_layers"]),
                heads=heads,
                kv_heads=int(fields.get("num_key_value_heads") or heads),
                head_dim=int(fields.get("head_dim") or hidden // heads),
                vocabulary=int(fields["vocab_size"]),
                tied=bool(fields.get("tie_word_embeddings", True)),
                weight_bytes=FLOAT32 if on_cpu else stored,
                embedding_bytes=_bytes_of_a_weight(embedding),
                activation_bytes=FLOAT32 if on_cpu else 2,
            )
        except (KeyError, TypeError, AttributeError):
            return None

    @property
    def linear_layers(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of the linear layers of a block."""
        attention = self.heads * self.head_dim
        key_or_value = self.kv_heads * self.head_dim
        return [
            (self.hidden, attention),
            (self.hidden, key_or_value),
            (self.hidden, key_or_value),
            (attention, self.hidden),
            (self.hidden, self.intermediate),
            (self.hidden, self.intermediate),
            (self.intermediate, self.hidden),
        ]

    @property
    def block_weights(self) -> int:
        """The number of weights of a block."""
        return sum(inputs * outputs for inputs, outputs in self.linear_layers)

    @property
    def kept_by_a_block(self) -> int:
        """How many numbers of a token a block keeps for the backward pass, but for attention.

        Inputs and outputs of both norms; queries, keys and values before and after their rotation;
        what attention gives; gate, its sigmoid, the other half of the MLP, and their product.
        """
        attention = self.heads * self.head_dim
        keys_and_values = 2 * self.kv_heads * self.head_dim
        return 4 * self.hidden + 3 * attention + 2 * keys_and_values + 4 * self.intermediate


@dataclass(frozen=True)
class BatchSize:
    """The ``tokens`` that run at once, and the ``attention`` between them: of each text the square
    of its length, summed up.
    """

    tokens: int
    attention: int

    @classmethod
    def of_texts(cls, texts: int, length: int) -> "BatchSize":
        """Return that of ``texts`` of the same ``length`` that share nothing."""
        return cls(tokens=texts * length, attention=texts * length**2)


def largest_batch(
    training: PreferenceDataset, settings: TrainSettings, data_parallel: DataParallel
) -> BatchSize:
    """Return the size of the largest batch that this process runs in the first epoch."""
    units = units_of_pairs(training, settings.loss.kind)
    pairs_per_step = settings.batch_size * settings.grad_accumulation_steps
    steps = batch_sampler(training, pairs_per_step, np.random.default_rng(settings.seed))
    own = (shares(step, units, data_parallel.size)[data_parallel.rank] for step in steps)
    sizes = [
        _batch_size(training, collate(training, part).texts.tolist())
        for pair_ids in own
        for part in parts(pair_ids, units, settings.batch_size)
    ]
    return BatchSize(max(size.tokens for size in sizes), max(size.attention for size in sizes))


def _batch_size(training: PreferenceDataset, text_ids: list[int]) -> BatchSize:
    """Return the size of a batch of texts, in which what they begin with in common runs once."""
    texts = [training.texts[i] for i in text_ids]
    groups = group_by_prefix(texts)
    again = sum((len(group.text_ids) - 1) * group.prefix_length for group in groups)
    return BatchSize(
        tokens=sum(map(len, texts)) - again, attention=sum(len(text) ** 2 for text in texts)
    )


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that a run takes at its peak, besides those of Python and its libraries."""

    weights: float
    trained: float
    activations: float
    hidden_states: float

    @property
    def total(self) -> float:
        """All of them together."""
        return PROGRAM + self.weights + self.trained + self.activations + self.hidden_states

    def summary(self, available: float) -> str:
        """Return a line that compares them with the ``available`` bytes."""
        parts = {
            "program": PROGRAM,
            "backbone": self.weights,
            "trained weights and optimizer": self.trained,
            "a batch": self.activations,
            "hidden states kept": self.hidden_states,
        }
        listed = ", ".join(f"{name} {size / 1e9:.2f}" for name, size in parts.items() if size)
        line = (
            f"memory: about {self.total / 1e9:.1f} GB of {available / 1e9:.1f}, computed ({listed})"
        )
        if self.total <= available:
            return line
        return (
            f"{line}; it may not fit: halve train.batch_size and double "
            "train.grad_accumulation_steps, or set train.grad_checkpoint"
        )


def estimate(
    model: ModelSize, batch: BatchSize, settings: TrainSettings, hidden_states: float = 0.0
) -> MemoryEstimate:
    """Return what training with batches of at most this size takes.

    ``hidden_states`` are the bytes of those that train.frozen_cache keeps.
    """
    layers = model.layers if settings.num_layers == -1 else min(settings.num_layers, model.layers)
    embeddings = model.vocabulary * model.hidden * model.embedding_bytes
    return MemoryEstimate(
        weights=model.layers * model.block_weights * model.weight_bytes
        + embeddings * (1 if model.tied else 2),
        trained=_trained_weights(model, layers, settings) * FLOAT32 * COPIES_OF_TRAINED,
        activations=_activations(model, layers, batch, settings),
        hidden_states=hidden_states,
    )


def largest_batch_size(
    model: ModelSize, length: int, settings: TrainSettings, available: float
) -> int:
    """Return the most pairs that run at once in ``available`` bytes, 0 where none do.

    Each pair has two texts of ``length`` tokens that no other has.
    """

    def total(pairs: int) -> float:
        return estimate(model, BatchSize.of_texts(2 * pairs, length), settings).total

    without, of_a_pair = total(0), total(1) - total(0)
    return max(0, int((available - without) / of_a_pair))


def device_memory_bytes() -> float:
    """Return how much memory a run may take: the machine's, or what a GPU offers to programs."""
    device = mx.default_device()
    if device == mx.Device(mx.cpu):
        return memory_bytes()
    facts: Any = mx.device_info(device)
    for name in ("max_recommended_working_set_size", "total_memory", "memory_size"):
        if facts.get(name):
            return float(facts[name])
    return memory_bytes()


def _trained_weights(model: ModelSize, layers: int, settings: TrainSettings) -> int:
    if settings.fine_tune_type == "full":
        return layers * model.block_weights
    ends = sum(inputs + outputs for inputs, outputs in model.linear_layers)
    return layers * settings.lora.rank * ends


def _activations(model: ModelSize, layers: int, batch: BatchSize, settings: TrainSettings) -> float:
    """Return the bytes that the forward pass keeps for the backward pass.

    Attention keeps the weight of each token on each other for every head.
    """
    block = model.kept_by_a_block * batch.tokens + model.heads * batch.attention
    if settings.grad_checkpoint:  # the input of each block, and what two keep: they overlap
        kept = layers * model.hidden * batch.tokens + 2 * block
    else:
        kept = layers * block
    return kept * model.activation_bytes


def _bytes_of_a_weight(quantization: Mapping[str, Any]) -> float:
    """Return the bytes of a weight as stored; 2 where it is not quantized."""
    if not quantization.get("bits"):
        return 2.0
    bits, group_size = int(quantization["bits"]), int(quantization["group_size"])
    return (bits + BITS_OF_A_GROUP / group_size) / 8
