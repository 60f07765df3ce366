"""Fit the reward model on the train split and choose its best weights on valid.

``mlx.launch`` runs it on several machines; the first process alone writes.
"""

from pathlib import Path
from typing import Any

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.load import load_backbone
from mlx_reward.config.reader import read_section
from mlx_reward.config.train import TrainSettings
from mlx_reward.cpu.way import takes_cpu_way
from mlx_reward.data.chat import Renderer, load_renderer
from mlx_reward.data.dataset import PreferenceDataset
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.feature_store import allowed_bytes, states_bytes
from mlx_reward.engine.fingerprint import arithmetic
from mlx_reward.model import checkpoint
from mlx_reward.model.adapters import adapter_config, with_adapters
from mlx_reward.model.checkpoint_config import RewardConfig
from mlx_reward.pipeline.paths import PARAMS, Paths
from mlx_reward.pipeline.tokenized import tokenized
from mlx_reward.training.distributed import DataParallel
from mlx_reward.training.fit import Fitted, fit
from mlx_reward.training.memory import (
    ModelSize,
    device_memory_bytes,
    estimate,
    largest_batch,
)
from mlx_reward.training.state import TRAINING, StateFile
from mlx_reward.training.tracking import tracked
from mlx_reward.utils.files import read_json, write_json
from mlx_reward.utils.fingerprint import fingerprint


def main() -> None:
    train(read_section(PARAMS, "train", TrainSettings), Paths())


def train(settings: TrainSettings, paths: Paths) -> None:
    """Train the members of the reward model; write its checkpoint, metrics and curves."""
    data_parallel = DataParallel.init()
    renderer = load_renderer(paths.base, settings.max_seq_length)
    training = tokenized(paths.train, renderer)
    valid = tokenized(paths.valid, renderer, choosing_alone=True)
    if renderer.template_date:
        print(
            "note: the chat template prints today's date; every text gets "
            f"{renderer.template_date}, and the checkpoint records it"
        )

    if data_parallel.is_first:
        for line in memory_lines(settings, paths.base, training, valid, data_parallel):
            print(line)
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
            lambda: load_backbone(paths.base),
            lambda backbone: _make_engine(settings, backbone),
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


def memory_lines(
    settings: TrainSettings,
    base: Path,
    training: PreferenceDataset,
    valid: PreferenceDataset,
    data_parallel: DataParallel,
) -> list[str]:
    """Return the line that says whether the run fits; none where the sizes are not known."""
    config = read_json(base / "config.json", "run `dvc repro base`, which makes it")
    model = ModelSize.of(config, on_cpu=takes_cpu_way())
    if model is None:
        return []
    batch = largest_batch(training, settings, data_parallel)
    states = 0.0
    if settings.frozen_cache != "off" and 0 < settings.num_layers < model.layers:
        wanted = states_bytes([*training.texts, *valid.texts], model.hidden)
        states = min(wanted, allowed_bytes(settings.frozen_cache))
    return [estimate(model, batch, settings, states).summary(device_memory_bytes())]


def _make_engine(settings: TrainSettings, backbone: Any) -> Engine:
    """Return a new reward model, to be trained, over ``backbone``, which becomes part of it."""
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
        *(dataset.texts for dataset in (training, valid)),
        *([pair.to_row() for pair in dataset.pairs] for dataset in (training, valid)),
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
        template_date=renderer.template_date,
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
    write_json(paths.plots / "valid.json", log_history.evaluation_curve())
