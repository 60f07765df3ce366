"""Fit the reward model on the train split, watched on the valid split.

python -m stages.train
"""

import sys
from dataclasses import asdict

import mlx.core as mx

from mlx_reward import checkpoint
from mlx_reward.backbone import load_backbone
from mlx_reward.backbones.digest import digest
from mlx_reward.checkpoint import RewardConfig
from mlx_reward.comparisons import compare
from mlx_reward.errors import InputError, run
from mlx_reward.files import write_json
from mlx_reward.frozen_store import arithmetic, frozen_states
from mlx_reward.model import adapter_config, with_adapters
from mlx_reward.preferences import read_pairs
from mlx_reward.rendering import load_renderer
from mlx_reward.resume import Resume, fingerprint
from mlx_reward.scoring import mean_and_deviation
from mlx_reward.settings.reader import read_section
from mlx_reward.settings.train import TrainSettings
from mlx_reward.training import Frozen, train
from stages import paths


def main() -> None:
    settings = read_section(paths.PARAMS, "train", TrainSettings)
    renderer = load_renderer(paths.BASE, settings.max_seq_length)
    training, valid = (compare(read_pairs(path), renderer) for path in (paths.TRAIN, paths.VALID))
    if not training.pairs or not valid.pairs:
        raise InputError(f"every pair has a response over train.max_seq_length ({settings.max_seq_length}); raise it")
    mx.random.seed(settings.seed)
    adapters = {"num_layers": settings.num_layers, **dict(settings.lora), "fine_tune_type": settings.fine_tune_type}
    model = with_adapters(load_backbone(paths.BASE), head=settings.head, **adapters)
    base, knobs = digest(paths.BASE), settings.model_dump()
    below = [frozen_states(model, c.texts, c.prompts, settings.frozen_cache, base) for c in (training, valid)]
    resume = Resume(paths.TRAINING_RUN, fingerprint(knobs, base, training.texts, valid.texts, arithmetic()))
    history = train(model, training, valid, settings, Frozen(*below), resume)
    spread = mean_and_deviation(model, training.texts, training.prompts, settings.seed, below[0])
    config = RewardConfig(str(paths.BASE), base, renderer.chat_template, settings.max_seq_length, *spread, knobs)
    checkpoint.save(paths.REWARD_MODEL, model, adapter_config(**adapters), config)
    write_json(paths.METRICS / "train.json", history.figures() | training.counts() | {"valid_pairs": len(valid.pairs)})
    write_json(paths.PLOTS / "train.json", history.curve())
    write_json(paths.PLOTS / "valid.json", [asdict(e) for e in history.evaluations])
    resume.clear()
    if training.dropped:
        print(f"{len(training.dropped)} pairs dropped, a response is over max_seq_length: {', '.join(training.dropped)}")
    print(f"best at step {history.best.step}: valid NLL {history.best.nll:.4f}, accuracy {history.best.accuracy:.4f}")


if __name__ == "__main__":
    sys.exit(run(main))
