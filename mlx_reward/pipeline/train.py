"""Fit the reward model on the train split, watched on the valid split; ``mlx.launch`` does so on several machines."""

from dataclasses import asdict

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.load import load_backbone
from mlx_reward.config.reader import read_section
from mlx_reward.config.train import TrainSettings
from mlx_reward.data.chat import load_renderer
from mlx_reward.data.dataset import tokenize
from mlx_reward.data.pair import read_pairs
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.fingerprint import arithmetic
from mlx_reward.model import checkpoint
from mlx_reward.model.adapters import adapter_config, with_adapters
from mlx_reward.pipeline import paths
from mlx_reward.training.distributed import data_parallel
from mlx_reward.training.fit import fit
from mlx_reward.training.state import TRAINING, StateFile
from mlx_reward.training.tracking import tracked
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import write_json
from mlx_reward.utils.fingerprint import fingerprint


def main() -> None:
    settings, here = read_section(paths.PARAMS, "train", TrainSettings), data_parallel()
    renderer, base, knobs = (
        load_renderer(paths.BASE, settings.max_seq_length),
        digest(paths.BASE),
        settings.model_dump(),
    )
    training, valid = (tokenize(read_pairs(path), renderer) for path in (paths.TRAIN, paths.VALID))
    if not training.pairs or not valid.pairs:
        raise InputError(
            f"every pair has a response over train.max_seq_length ({settings.max_seq_length}); raise it"
        )

    def build() -> Engine:
        network = with_adapters(load_backbone(paths.BASE), **settings.adapters, head=settings.head)
        return Engine(network, settings.grad_checkpoint)

    run_key = fingerprint(
        knobs, base, training.texts, valid.texts, arithmetic(*TRAINING), here.size
    )
    resumes = [
        StateFile(paths.training_run(number), run_key) for number in range(1, settings.members + 1)
    ]
    with (
        tracked(settings.report_to if here.first else "none", paths.LIVE, knobs) as log,
        here.watched(),
    ):
        fitted = fit(build, base, training, valid, settings, resumes, here, log)
    if not here.first:
        return
    kept = str(paths.BASE), base, renderer.chat_template, settings.max_seq_length
    config = checkpoint.RewardConfig(*kept, fitted.mean, fitted.deviation, knobs)
    checkpoint.save(
        paths.REWARD_MODEL, fitted.ensemble.members, adapter_config(**settings.adapters), config
    )
    write_json(
        paths.METRICS / "train.json",
        fitted.figures() | training.counts() | {"valid_pairs": len(valid.pairs)},
    )
    write_json(paths.PLOTS / "train.json", fitted.histories[0].curve())
    write_json(paths.PLOTS / "valid.json", [asdict(e) for e in fitted.histories[0].evaluations])
    for resume in resumes:
        resume.clear()
    print(*training.warnings(), fitted.summary(), sep="\n")
