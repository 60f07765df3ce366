"""Fit the reward model on the train split and choose its best weights on valid.

``mlx.launch`` runs it on several machines; the first process alone writes.
"""

from dataclasses import asdict
from pathlib import Path

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.load import load_backbone
from mlx_reward.config.reader import read_section
from mlx_reward.config.train import TrainSettings
from mlx_reward.data.chat import Renderer, load_renderer
from mlx_reward.data.dataset import PreferenceDataset, tokenize
from mlx_reward.data.pair import read_pairs
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.fingerprint import arithmetic
from mlx_reward.model import checkpoint
from mlx_reward.model.adapters import adapter_config, with_adapters
from mlx_reward.model.checkpoint_config import RewardConfig
from mlx_reward.pipeline.paths import PARAMS, Paths
from mlx_reward.training.distributed import DataParallel
from mlx_reward.training.fit import Fitted, fit
from mlx_reward.training.state import TRAINING, StateFile
from mlx_reward.training.tracking import tracked
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import write_json
from mlx_reward.utils.fingerprint import fingerprint


def main() -> None:
    train(read_section(PARAMS, "train", TrainSettings), Paths())


def train(settings: TrainSettings, paths: Paths) -> None:
    """Train the members of the reward model; write its checkpoint, metrics and curves."""
    data_parallel = DataParallel.init()
    renderer = load_renderer(paths.base, settings.max_seq_length)
    training = tokenize(read_pairs(paths.train), renderer)
    valid = tokenize(read_pairs(paths.valid), renderer)
    _check_not_empty({paths.train: training, paths.valid: valid}, settings)

    base_digest = digest(paths.base)
    run = _run_fingerprint(settings, base_digest, training, valid, data_parallel)
    numbers = range(1, settings.members + 1)
    state_files = [StateFile(paths.training_run(number), run) for number in numbers]
    report_to = settings.report_to if data_parallel.is_first else "none"
    with (
        tracked(report_to, paths.live, settings.model_dump()) as log,
        data_parallel.explain_lost_process(),
    ):
        fitted = fit(
            lambda: _make_engine(settings, paths.base),
            training,
            valid,
            settings,
            backbone_digest=base_digest,
            state_files=state_files,
            data_parallel=data_parallel,
            log=log,
        )
    if not data_parallel.is_first:
        return

    _save_checkpoint(fitted, settings, base_digest, renderer, paths)
    _write_metrics(fitted, training, valid, paths)
    for state_file in state_files:
        state_file.clear()
    for line in [*training.warnings(), fitted.summary()]:
        print(line)


def _check_not_empty(datasets: dict[Path, PreferenceDataset], settings: TrainSettings) -> None:
    for path, dataset in datasets.items():
        if not dataset.pairs:
            raise InputError(
                f"{path}: every pair has a response over train.max_seq_length "
                f"({settings.max_seq_length}); raise it"
            )


def _make_engine(settings: TrainSettings, base: Path) -> Engine:
    """Return a new reward model, to be trained, over the backbone."""
    backbone = load_backbone(base)
    network = with_adapters(backbone, **settings.adapters, head=settings.head)
    return Engine(network, settings.grad_checkpoint)


def _run_fingerprint(
    settings: TrainSettings,
    base_digest: str,
    training: PreferenceDataset,
    valid: PreferenceDataset,
    data_parallel: DataParallel,
) -> str:
    """Return the fingerprint of all that decides the run, so that no other one is resumed."""
    return fingerprint(
        settings.model_dump(),
        base_digest,
        training.texts,
        valid.texts,
        arithmetic(*TRAINING),
        data_parallel.size,
    )


def _save_checkpoint(
    fitted: Fitted,
    settings: TrainSettings,
    base_digest: str,
    renderer: Renderer,
    paths: Paths,
) -> None:
    config = RewardConfig(
        base=str(paths.base),
        base_digest=base_digest,
        chat_template=renderer.chat_template,
        max_seq_length=settings.max_seq_length,
        reward_mean=fitted.reward_mean,
        reward_std=fitted.reward_std,
        params=settings.model_dump(),
    )
    adapters = adapter_config(**settings.adapters)
    checkpoint.save(paths.reward_model, fitted.ensemble.members, adapters, config)


def _write_metrics(
    fitted: Fitted, training: PreferenceDataset, valid: PreferenceDataset, paths: Paths
) -> None:
    """Write metrics/train.json and the curves of the first member."""
    counts = training.counts() | {"valid_pairs": len(valid.pairs)}
    write_json(paths.metrics / "train.json", fitted.metrics() | counts)
    log_history = fitted.log_histories[0]
    write_json(paths.plots / "train.json", log_history.curve())
    evaluations = [asdict(evaluation) for evaluation in log_history.evaluations]
    write_json(paths.plots / "valid.json", evaluations)
