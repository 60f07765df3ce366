"""Toy preferences that a tiny model learns within seconds, and settings to train on them."""

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten

from mlx_reward.config.reader import read_section
from mlx_reward.config.train import LossSettings, TrainSettings
from mlx_reward.data.chat import Renderer
from mlx_reward.data.dataset import PreferenceDataset, tokenize
from mlx_reward.data.pair import Pair
from mlx_reward.model.adapters import with_adapters
from mlx_reward.model.network import RewardNetwork
from tests import ROOT, tiny


def pairs(count: int, seed: int = 0) -> list[Pair]:
    """Return all pairs of three responses a prompt: the more vowels, the better, at equal length.

    A prompt has three pairs in this order: (best, middle), (best, worst), (middle, worst).
    """
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count // 3):
        best = "".join(rng.choice(list("aeiouy"), size=12))
        middle = "".join(rng.choice(list("aeioubcdfg"), size=12))
        worst = "".join(rng.choice(list("bcdfgh"), size=12))
        for chosen, rejected in ((best, middle), (best, worst), (middle, worst)):
            pair = Pair(
                prompt=f"question {number}",
                chosen=chosen,
                rejected=rejected,
                id=str(len(rows)),
                group=str(number),
            )
            rows.append(pair)
    return rows


def tokenized(rows: list[Pair]) -> PreferenceDataset:
    """Return ``rows`` in the tokens of the tiny models, at most 200 a text."""
    return tokenize(rows, Renderer(tiny.tokenizer(), 200))


def dataset(count: int, seed: int = 0) -> PreferenceDataset:
    """Return ``pairs(count, seed)``, tokenized."""
    return tokenized(pairs(count, seed))


def settings(**changes: object) -> TrainSettings:
    """Return the project's settings with a higher learning rate and ``changes``."""
    default = read_section(ROOT / "params.yaml", "train", TrainSettings)
    quick = {"epochs": 2, "learning_rate": 3e-2, "evals_per_epoch": 2}
    return default.model_copy(update=quick | changes)


def loss_settings(**changes: object) -> LossSettings:
    """Return the project's loss with ``changes``."""
    return settings().loss.model_copy(update=changes)


def network() -> RewardNetwork:
    """Return a new tiny reward model with adapters on all blocks."""
    backbone = tiny.model("llama")
    backbone.freeze()
    mx.random.seed(0)
    return with_adapters(backbone, -1, rank=4, scale=2.0, dropout=0.0)


def weights(model: RewardNetwork) -> dict[str, np.ndarray]:
    """Return the trained weights by name."""
    return {name: np.array(value) for name, value in tree_flatten(model.trainable_parameters())}
