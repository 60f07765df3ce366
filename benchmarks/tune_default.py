"""Train the default model with other settings, and compare the runs on the valid split alone.

    python benchmarks/tune_default.py [--seeds 0 1 2] "learning_rate=6e-4 num_layers=8" ...

prints a line of JSON for each recipe and seed: NLL and accuracy on valid at the best evaluation,
accuracy by defect of the rejected response, and the seconds. Each recipe is settings of section
``train`` of params.yaml, as in ``loss.kind=plackett_luce``; an empty one is the section as it is.
Run `dvc repro split` first. The test split is never read. Hidden states of frozen blocks are kept
in the cache folder, so that only the first recipe with so many layers computes them.
"""

import argparse
import json
from collections import defaultdict
from time import perf_counter
from typing import Any

import mlx_reward.cpu  # noqa: F401  # before mlx

# isort: split
import mlx.core as mx
import yaml

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.load import load_backbone
from mlx_reward.config.reader import read_section
from mlx_reward.config.train import TrainSettings
from mlx_reward.data.chat import load_renderer
from mlx_reward.data.dataset import PreferenceDataset
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.feature_store import frozen_features
from mlx_reward.evaluation.metrics import correct
from mlx_reward.model.adapters import with_adapters
from mlx_reward.pipeline.paths import PARAMS, Paths
from mlx_reward.pipeline.tokenized import tokenized
from mlx_reward.training.trainer import Features, train


def with_overrides(settings: TrainSettings, recipe: str, seed: int) -> TrainSettings:
    """Return ``settings`` with the assignments of ``recipe`` and ``seed``."""
    values: dict[str, Any] = settings.model_dump()
    for assignment in recipe.split():
        name, value = assignment.split("=")
        *sections, last = name.split(".")
        section = values
        for key in sections:
            section = section[key]
        section[last] = _number(yaml.safe_load(value))
    return TrainSettings.model_validate(values | {"seed": seed})


def _number(value: Any) -> Any:
    """Return ``value``, where YAML 1.1 takes 6e-4 for text, as the number it is."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def by_defect(valid: PreferenceDataset, margins: Any) -> dict[str, tuple[float, int]]:
    """Return accuracy and number of pairs for each defect of the rejected response."""
    outcomes = defaultdict(list)
    for pair, outcome in zip(valid.pairs, correct(margins), strict=True):
        outcomes[str(pair.defect)].append(float(outcome))
    return {name: (sum(o) / len(o), len(o)) for name, o in outcomes.items()}


def run(
    settings: TrainSettings, paths: Paths, training: PreferenceDataset, valid: PreferenceDataset
) -> dict[str, Any]:
    """Return what one training gives on valid, and its seconds."""
    mx.random.seed(settings.seed)
    start = perf_counter()
    backbone = load_backbone(paths.base)
    engine = Engine(with_adapters(backbone, **settings.adapters, head=settings.head), False)
    features = Features(
        *(
            frozen_features(engine, split.texts, settings.frozen_cache, digest(paths.base))
            for split in (training, valid)
        )
    )
    prepared = perf_counter()
    log_history = train(engine, training, valid, settings, features=features)
    trained = perf_counter()
    rewards = engine.score(valid.texts, what="valid", features=features.valid)
    defects = by_defect(valid, valid.margins(rewards))
    return {
        "nll": round(log_history.best.nll, 4),
        "accuracy": round(log_history.best.accuracy, 4),
        "best_step": log_history.best.step,
        "evaluations": [
            (e.step, round(e.nll, 4), round(e.accuracy, 4)) for e in log_history.evaluations
        ],
        "seconds": {"frozen": round(prepared - start), "train": round(trained - prepared)},
        "defects": {
            name: (round(accuracy, 3), count)
            for name, (accuracy, count) in sorted(defects.items(), key=lambda item: -item[1][1])
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="+", metavar="RECIPE", help="such as learning_rate=6e-4")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    arguments = parser.parse_args()

    base = read_section(PARAMS, "train", TrainSettings)
    paths = Paths()
    renderer = load_renderer(paths.base, base.max_seq_length)
    training = tokenized(paths.train, renderer)
    valid = tokenized(paths.valid, renderer)
    for recipe in arguments.recipes:
        for seed in arguments.seeds:
            found = run(with_overrides(base, recipe, seed), paths, training, valid)
            print(json.dumps({"recipe": recipe, "seed": seed} | found), flush=True)


if __name__ == "__main__":
    main()
