"""Compare batches whose pairs share texts with batches of pairs drawn independently.

    python benchmarks/shared_batches.py [starter|convarg] [SEED ...]

prints accuracy, NLL and seconds of both for each seed (0 1 2), and their mean and deviation. Each
run is one epoch; all else is as in params.yaml and the same both ways. Each seed draws its own
order of the pairs.

The starter set comes split: run `dvc repro split` first. Of convarg, 600 pairs are trained on and
400 tested, of debates that the seed holds out; it comes from the folder that the environment
variable PREFERENCE_DATA names.
"""

import gzip
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import patch

import mlx_reward.cpu  # noqa: F401  # before mlx

# isort: split
import mlx.core as mx
import numpy as np

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.load import load_backbone
from mlx_reward.config.reader import read_section
from mlx_reward.config.train import TrainSettings
from mlx_reward.data.chat import load_renderer
from mlx_reward.data.dataset import PairIds, PreferenceDataset, tokenize
from mlx_reward.data.pair import Pair, read_pairs
from mlx_reward.data.sampler import batch_sampler
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.feature_store import frozen_features
from mlx_reward.evaluation.metrics import accuracy, nll
from mlx_reward.model.adapters import with_adapters
from mlx_reward.training import trainer

ROOT = Path(__file__).parents[1]
BASE = ROOT / "checkpoints" / "sft_merged_model"
SPLITS = ROOT / "data" / "processed" / "rm"
DATA = Path(os.environ.get("PREFERENCE_DATA", ROOT.parent / "shared" / "data"))
HELD_OUT_DEBATES = 3
TRAIN_PAIRS = 600
TEST_PAIRS = 400


@dataclass(frozen=True)
class Split:
    """Pairs to train on and to test on.

    Of a single epoch there is nothing to choose by ``valid``, so it is one pair.
    """

    train: list[Pair]
    valid: list[Pair]
    test: list[Pair]


@dataclass(frozen=True)
class Result:
    """Quality on test, before calibration, and the time that training took."""

    accuracy: float
    nll: float
    seconds: float


def independent_sampler(
    dataset: PreferenceDataset, batch_size: int, rng: np.random.Generator
) -> Iterator[PairIds]:
    """Yield batches as ``batch_sampler`` does, but of pairs in random order."""
    order = rng.permutation(len(dataset.pairs))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def starter(_: int) -> Split:
    """Return the starter set, which stage split has split; it is the same for every seed."""
    return Split(
        train=read_pairs(SPLITS / "rm_train.jsonl"),
        valid=read_pairs(SPLITS / "rm_valid.jsonl")[:1],
        test=read_pairs(SPLITS / "rm_test.jsonl"),
    )


def convarg(seed: int) -> Split:
    """Return pairs of convarg, whose test debates are drawn by ``seed``."""
    with gzip.open(DATA / "convarg_pairs.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    rng = np.random.default_rng(seed)
    debates = rng.permutation(sorted({row["debate"] for row in rows}))
    held_out = set(debates[:HELD_OUT_DEBATES].tolist())
    test_ids = [i for i, row in enumerate(rows) if row["debate"] in held_out]
    train_ids = [i for i, row in enumerate(rows) if row["debate"] not in held_out]

    def draw(ids: list[int], count: int) -> list[Pair]:
        drawn = rng.permutation(ids)[:count].tolist()
        return [_pair(rows[i], str(i)) for i in drawn]

    return Split(
        train=draw(train_ids, TRAIN_PAIRS),
        valid=draw(train_ids, 1),
        test=draw(test_ids, TEST_PAIRS),
    )


def _pair(row: dict[str, Any], id: str) -> Pair:
    return Pair(prompt=row["prompt"], chosen=row["chosen"], rejected=row["rejected"], id=id)


def fit(sampler: Any, split: Split, settings: TrainSettings) -> Result:
    """Train a new model with batches of ``sampler``, and test it."""
    renderer = load_renderer(BASE, settings.max_seq_length)
    training = tokenize(split.train, renderer)
    valid = tokenize(split.valid, renderer)
    test = tokenize(split.test, renderer)
    mx.random.seed(settings.seed)
    engine = Engine(with_adapters(load_backbone(BASE), **settings.adapters, head=settings.head))
    known = frozen_features(engine, training.texts, "auto", digest(BASE))
    start = perf_counter()
    with patch.object(trainer, "batch_sampler", sampler):
        trainer.train(engine, training, valid, settings, features=trainer.Features(train=known))
    seconds = perf_counter() - start
    margins = test.margins(engine.score(test.texts))
    return Result(accuracy=accuracy(margins), nll=nll(margins), seconds=seconds)


def compare(name: str, seeds: list[int]) -> None:
    """Train both ways with each of ``seeds``, and print a line for each run."""
    read = {"starter": starter, "convarg": convarg}[name]
    samplers = {"shared": batch_sampler, "independent": independent_sampler}
    results: dict[str, list[Result]] = {way: [] for way in samplers}
    print(f"{name:<12}{'seed':>5}{'accuracy':>10}{'NLL':>8}{'seconds':>9}")
    for seed in seeds:
        changes = {"seed": seed, "epochs": 1}
        settings = read_section(ROOT / "params.yaml", "train", TrainSettings)
        split = read(seed)
        for way, sampler in samplers.items():
            result = fit(sampler, split, settings.model_copy(update=changes))
            results[way].append(result)
            print(f"{way:<12}{seed:>5}{_columns(result)}", flush=True)
    for way, found in results.items():
        rows = [astuple(result) for result in found]
        mean = Result(*np.mean(rows, axis=0))
        deviation = Result(*np.std(rows, axis=0))
        print(f"{way:<12} mean{_columns(mean)}")
        print(f"{way:<12}  dev{_columns(deviation)}")


def _columns(result: Result) -> str:
    return f"{result.accuracy:>10.4f}{result.nll:>8.4f}{result.seconds:>9.0f}"


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "starter"
    seeds = [int(argument) for argument in sys.argv[2:]] or [0, 1, 2]
    with tempfile.TemporaryDirectory() as empty:  # hidden states of other runs do not count
        os.environ["XDG_CACHE_HOME"] = empty
        compare(name, seeds)


if __name__ == "__main__":
    main()
