"""Batches whose pairs share texts against batches of pairs drawn independently: what it does to
quality, and to time.

python benchmarks/shared_batches.py [starter|convarg] [SEED ...]       (starter, seeds 0 1 2)

One epoch, all else by params.yaml and the same both ways; each seed draws its own order of the
pairs. The starter set comes split (run ``dvc repro split`` first). Of convarg, 600 pairs are
trained on and 400 tested, of debates that the seed holds out.
"""

import gzip
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import mlx_reward.cpu  # noqa: F401  # before mlx

# isort: split
import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.load import load_backbone
from mlx_reward.config.reader import read_section
from mlx_reward.config.train import TrainSettings
from mlx_reward.data.chat import load_renderer
from mlx_reward.data.dataset import PreferenceDataset, tokenize
from mlx_reward.data.pair import Pair, read_pairs
from mlx_reward.data.sampler import epoch
from mlx_reward.engine.engine import score
from mlx_reward.engine.feature_store import frozen_features
from mlx_reward.evaluation.metrics import accuracy, nll
from mlx_reward.model.adapters import with_adapters
from mlx_reward.training import trainer

ROOT = Path(__file__).parents[1]
BASE, SPLITS = ROOT / "checkpoints" / "sft_merged_model", ROOT / "data" / "processed" / "rm"
DATA = Path(os.environ.get("PREFERENCE_DATA", ROOT.parent / "shared" / "data"))


def independent(
    comparisons: PreferenceDataset, batch_size: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """As ``epoch``, but in an order that looks at nothing."""
    order = rng.permutation(len(comparisons.pairs))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def starter(_: int) -> tuple[list[Pair], ...]:
    """Train, valid and test; of a single epoch there is nothing to choose by valid, so it is one
    pair.
    """
    train, valid, test = (
        read_pairs(SPLITS / f"rm_{part}.jsonl") for part in ("train", "valid", "test")
    )
    return train, valid[:1], test


def convarg(seed: int) -> tuple[list[Pair], ...]:
    """The same."""
    with gzip.open(DATA / "convarg_pairs.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    rng = np.random.default_rng(seed)
    held_out = set(rng.permutation(sorted({row["debate"] for row in rows}))[:3].tolist())

    def some(count: int, test: bool) -> list[Pair]:
        chosen = [i for i, row in enumerate(rows) if (row["debate"] in held_out) == test]
        return [
            Pair(rows[i]["prompt"], rows[i]["chosen"], rows[i]["rejected"], id=str(i))
            for i in rng.permutation(chosen)[:count]
        ]

    return some(600, False), some(1, False), some(400, True)


def fit(
    order: object, parts: list[PreferenceDataset], settings: TrainSettings
) -> tuple[float, float, float]:
    """Accuracy and NLL on test, and the seconds that training took, with batches in this ``order``."""
    fitted, valid, test = parts
    mx.random.seed(settings.seed)
    engine = Engine(with_adapters(load_backbone(BASE), **settings.adapters, head=settings.head))
    states = frozen_features(engine, fitted.texts, fitted.prompts, "auto", digest(BASE))
    trainer.epoch = order  # type: ignore[assignment]
    start = time.perf_counter()
    trainer.train(engine, fitted, valid, settings, trainer.Frozen(states))
    took = time.perf_counter() - start
    margins = test.margins(score(model, test.texts, test.prompts))
    return accuracy(margins), nll(margins), took


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "starter"
    ways = {"shared": epoch, "independent": independent}
    print(f"{name:<12}{'seed':>5}{'accuracy':>10}{'NLL':>8}{'seconds':>9}")
    found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as empty:
        os.environ["XDG_CACHE_HOME"] = empty
        for seed in [int(a) for a in sys.argv[2:]] or [0, 1, 2]:
            settings = read_section(ROOT / "params.yaml", "train", TrainSettings).model_copy(
                update={"seed": seed, "epochs": 1}
            )
            renderer = load_renderer(BASE, settings.max_seq_length)
            parts = [
                tokenize(pairs, renderer)
                for pairs in {"starter": starter, "convarg": convarg}[name](seed)
            ]
            for way, order in ways.items():
                found[way].append(fit(order, parts, settings))
                print(
                    f"{way:<12}{seed:>5}{found[way][-1][0]:>10.4f}{found[way][-1][1]:>8.4f}{found[way][-1][2]:>9.0f}",
                    flush=True,
                )
    for way, rows in found.items():
        mean, spread = np.mean(rows, axis=0), np.std(rows, axis=0)
        print(
            f"{way:<12} mean{mean[0]:>10.4f}{mean[1]:>8.4f}{mean[2]:>9.0f}   deviation {spread[0]:.4f} {spread[1]:.4f}"
        )


if __name__ == "__main__":
    main()
