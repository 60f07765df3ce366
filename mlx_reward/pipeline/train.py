"""Fit the reward model on the train split and choose its best weights on valid.

``mlx.launch`` runs it on several machines; the first process alone writes.
"""

from dataclasses import asdict

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
from mlx_reward.pipeline import paths
from mlx_reward.training.distributed import DataParallel
from mlx_reward.training.fit import Fitted, fit
from mlx_reward.training.state import TRAINING, StateFile
from mlx_reward.training.tracking import tracked
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import write_json
from mlx_reward.utils.fingerprint import fingerprint


def main() -> None:
    settings = read_section(paths.PARAMS, "train", TrainSettings)
    data_parallel = DataParallel.init()
    renderer = load_renderer(paths.BASE, settings.max_seq_length)
    training = tokenize(read_pairs(paths.TRAIN), renderer)
    valid = tokenize(read_pairs(paths.VALID), renderer)
    _check_not_empty(training, valid, settings)

    base_digest = digest(paths.BASE)
    state_files = _state_files(settings, base_digest, training, valid, data_parallel)
    report_to = settings.report_to if data_parallel.is_first else "none"
    with (
        tracked(report_to, paths.LIVE, settings.model_dump()) as log,
        data_parallel.explain_lost_process(),
    ):
        fitted = fit(
            lambda: _make_engine(settings),
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

    _save_checkpoint(fitted, settings, base_digest, renderer)
    _write_metrics(fitted, training, valid)
    for state_file in state_files:
        state_file.clear()
    for line in [*training.warnings(), fitted.summary()]:
        print(line)


def _check_not_empty(
    training: PreferenceDataset, valid: PreferenceDataset, settings: TrainSettings
) -> None:
    for path, dataset in ((paths.TRAIN, training), (paths.VALID, valid)):
        if not dataset.pairs:
            raise InputError(
                f"{path}: every pair has a response over train.max_seq_length "
                f"({settings.max_seq_length}); raise it"
            )


def _make_engine(settings: TrainSettings) -> Engine:
    """Return a new reward model, to be trained, over the backbone."""
    backbone = load_backbone(paths.BASE)
    network = with_adapters(backbone, **settings.adapters, head=settings.head)
    return Engine(network, settings.grad_checkpoint)


def _state_files(
    settings: TrainSettings,
    base_digest: str,
    training: PreferenceDataset,
    valid: PreferenceDataset,
    data_parallel: DataParallel,
) -> list[StateFile]:
    """Return the state file of each member, with the fingerprint of all that decides the run."""
    run = fingerprint(
        settings.model_dump(),
        base_digest,
        training.texts,
        valid.texts,
        arithmetic(*TRAINING),
        data_parallel.size,
    )
    numbers = range(1, settings.members + 1)
    return [StateFile(paths.training_run(number), run) for number in numbers]


def _save_checkpoint(
    fitted: Fitted, settings: TrainSettings, base_digest: str, renderer: Renderer
) -> None:
    config = checkpoint.RewardConfig(
        base=str(paths.BASE),
        base_digest=base_digest,
        chat_template=renderer.chat_template,
        max_seq_length=settings.max_seq_length,
        reward_mean=fitted.reward_mean,
        reward_std=fitted.reward_std,
        params=settings.model_dump(),
    )
    adapters = adapter_config(**settings.adapters)
    checkpoint.save(paths.REWARD_MODEL, fitted.ensemble.members, adapters, config)


def _write_metrics(fitted: Fitted, training: PreferenceDataset, valid: PreferenceDataset) -> None:
    """Write metrics/train.json and the curves of the first member."""
    counts = training.counts() | {"valid_pairs": len(valid.pairs)}
    write_json(paths.METRICS / "train.json", fitted.metrics() | counts)
    log_history = fitted.log_histories[0]
    write_json(paths.PLOTS / "train.json", log_history.curve())
    evaluations = [asdict(evaluation) for evaluation in log_history.evaluations]
    write_json(paths.PLOTS / "valid.json", evaluations)
