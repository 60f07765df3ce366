"""The training loop: AdamW steps, evaluation on valid, the best weights kept, resumable."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import mlx.core as mx
import mlx.optimizers as optim
import numpy as np
from mlx_lm.generate import wired_limit
from numpy.typing import NDArray

from mlx_reward.config.train import TrainSettings
from mlx_reward.data.dataset import PairIds, PreferenceDataset
from mlx_reward.data.sampler import batch_sampler
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.features import FrozenFeatures
from mlx_reward.evaluation.metrics import accuracy, cross_entropy
from mlx_reward.model.network import RewardNetwork
from mlx_reward.training.distributed import SINGLE_PROCESS, DataParallel
from mlx_reward.training.forecast import Forecast
from mlx_reward.training.losses import make_labels, make_loss_fn
from mlx_reward.training.optimizer import make_optimizer
from mlx_reward.training.parts import units_of_pairs
from mlx_reward.training.schedules import StepSchedule, learning_rate_schedule, step_schedule
from mlx_reward.training.state import (
    Evaluation,
    LogHistory,
    StateFile,
    TrainerState,
    trainable_weights,
)
from mlx_reward.training.step import StepResult, TrainStep, make_train_step
from mlx_reward.training.tracking import Log, silent
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.progress import bar

# What MLX says where memory runs out: on a CPU and in CUDA, and on Metal.
OUT_OF_MEMORY = ("alloc", "insufficient memory", "out of memory")
MAX_SKIPPED_IN_A_ROW = 5  # a run stops after so many steps without a finite loss and gradient


@dataclass(frozen=True)
class Features:
    """The stored hidden states of the texts of train and valid; None where they are computed."""

    train: FrozenFeatures | None = None
    valid: FrozenFeatures | None = None


def train(
    engine: Engine,
    training: PreferenceDataset,
    valid: PreferenceDataset,
    settings: TrainSettings,
    *,
    features: Features | None = None,
    state_file: StateFile | None = None,
    data_parallel: DataParallel = SINGLE_PROCESS,
    log: Log = silent,
) -> LogHistory:
    """Fit the network of ``engine`` in place; it ends with its best weights by NLL on ``valid``.

    That NLL is under labels such as training minimises: soft labels have one at which it is best.
    The result is the same bit for bit for one seed and machine, also where ``state_file`` resumes
    an interrupted run. With ``data_parallel`` every process ends with the same weights.
    """
    network = engine.network
    features = features or Features()
    schedule = step_schedule(len(training.pairs), settings)
    optimizer = _make_optimizer(settings, schedule.total_steps)
    train_step = make_train_step(
        engine,
        training,
        make_loss_fn(training.pairs, settings.loss),
        optimizer,
        batch_size=settings.batch_size,
        units=units_of_pairs(training, settings.loss.kind),
        max_grad_norm=settings.max_grad_norm,
        features=features.train,
        data_parallel=data_parallel,
    )
    valid_labels = make_labels(valid.pairs, settings.loss)
    start = _start(network, optimizer, state_file)
    data_parallel.check_equal("the steps done so far (the state file in checkpoints/)", start.step)
    log_history = start.log_history
    best_weights = start.best_weights
    log_history.replay(log)

    forecast = Forecast(schedule.total_steps - start.step, show=data_parallel.is_first)
    batches = islice(_batches(training, settings), start.step, schedule.total_steps)
    progress_bar = _progress_bar(len(training.pairs), schedule, start.step)
    with wired_limit(network), progress_bar as progress:
        for step, pair_ids in enumerate(batches, start.step + 1):
            if _out_of_patience(log_history, settings.patience):
                break
            mx.random.seed(_dropout_seed(settings.seed, data_parallel.rank, step))
            with forecast.timed_step():
                result = _take_step(train_step, pair_ids, step, settings)
            _log_step(log_history, result, step)
            if step in schedule.eval_steps:
                evaluation = evaluate(
                    engine, valid, valid_labels, step, features.valid, data_parallel
                )
                log_history.evaluations.append(evaluation)
                if log_history.best.step == step:
                    best_weights = trainable_weights(network)
            log(step, log_history.latest(step))
            _show(progress, log_history, len(pair_ids))
            should_save = step % settings.save_every == 0 or step == schedule.total_steps
            if state_file and data_parallel.is_first and should_save:
                state = TrainerState(
                    step=step,
                    log_history=log_history,
                    weights=trainable_weights(network),
                    best_weights=best_weights,
                    optimizer_state=optimizer.state,
                )
                state_file.save(state)
    _check_result(log_history)
    network.update(best_weights)
    return log_history


def evaluate(
    engine: Engine,
    valid: PreferenceDataset,
    labels: NDArray[np.float64],
    step: int,
    features: FrozenFeatures | None,
    data_parallel: DataParallel,
) -> Evaluation:
    """Return NLL under ``labels`` (P,), accuracy and margin on ``valid``, at temperature 1."""
    rewards = engine.score(
        valid.texts,
        what="valid",
        features=features,
        share=data_parallel.deal,
        merge=data_parallel.all_sum,
    )
    margins = valid.margins(rewards)
    return Evaluation(
        step=step,
        nll=cross_entropy(margins, labels),
        accuracy=accuracy(margins),
        margin=float(np.mean(margins)),
    )


def _make_optimizer(settings: TrainSettings, total_steps: int) -> optim.Optimizer:
    learning_rate = learning_rate_schedule(
        settings.lr_schedule,
        peak=settings.learning_rate,
        steps=total_steps,
        warmup=settings.warmup,
    )
    return make_optimizer(learning_rate, settings.weight_decay)


def _start(
    network: RewardNetwork, optimizer: optim.Optimizer, state_file: StateFile | None
) -> TrainerState:
    """Return the state to start from; a saved one is put into ``network`` and ``optimizer``."""
    saved = state_file.load() if state_file else None
    if saved is None:
        weights = trainable_weights(network)
        return TrainerState(
            step=0,
            log_history=LogHistory(),
            weights=weights,
            best_weights=weights,
            optimizer_state=optimizer.state,
        )
    network.update(saved.weights)
    optimizer.state = saved.optimizer_state
    print(f"resuming after step {saved.step} of an interrupted run")
    return saved


def _batches(training: PreferenceDataset, settings: TrainSettings) -> Iterator[PairIds]:
    """Yield the pairs of each optimizer step, epoch after epoch without end."""
    rng = np.random.default_rng(settings.seed)
    pairs_per_step = settings.batch_size * settings.grad_accumulation_steps
    while True:
        yield from batch_sampler(training, pairs_per_step, rng)


def _dropout_seed(seed: int, rank: int, step: int) -> int:
    """Return a seed that differs for each step and process, so that a resumed run draws alike."""
    return (seed << 32) + (rank << 24) + step


def _take_step(
    train_step: TrainStep, pair_ids: PairIds, step: int, settings: TrainSettings
) -> StepResult:
    """Take a step; raise InputError that names the settings to lower where memory runs out."""
    try:
        return train_step(pair_ids)
    except RuntimeError as error:
        if not any(words in str(error).lower() for words in OUT_OF_MEMORY):
            raise
        raise InputError(
            f"out of memory at step {step} ({error}); "
            f"lower train.batch_size (now {settings.batch_size}) and raise "
            "train.grad_accumulation_steps by the same factor, "
            f"or lower train.max_seq_length (now {settings.max_seq_length})"
        ) from None


def _progress_bar(pairs: int, schedule: StepSchedule, steps_done: int) -> Any:
    """Return a bar that counts the pairs of all steps; the last step of an epoch may have fewer."""
    pairs_per_step = pairs / schedule.steps_per_epoch
    return bar(
        total=round(pairs_per_step * schedule.total_steps),
        initial=round(pairs_per_step * steps_done),
        what="train",
        unit="pair",
    )


def _show(progress: Any, log_history: LogHistory, pairs: int) -> None:
    """Advance the progress bar by ``pairs``."""
    progress.update(pairs)
    peak = mx.get_peak_memory() / 2**30
    text = f"{log_history.progress_text()}, peak {peak:.1f} GiB"
    progress.set_postfix_str(text, refresh=False)


def _log_step(log_history: LogHistory, result: StepResult, step: int) -> None:
    """Log ``result``; raise InputError where too many steps in a row were not finite."""
    if result.finite:
        log_history.add_step(result)
        return
    log_history.add_skipped()
    if log_history.skipped_in_a_row == MAX_SKIPPED_IN_A_ROW:
        raise InputError(
            f"the loss or its gradient was not finite in {MAX_SKIPPED_IN_A_ROW} steps in a row "
            f"(loss {result.loss} at step {step}); "
            "lower train.learning_rate or set train.max_grad_norm"
        )


def _check_result(log_history: LogHistory) -> None:
    """Raise InputError where no step or no evaluation of the whole run was finite."""
    if not log_history.losses or not math.isfinite(log_history.best.nll):
        raise InputError(
            f"no use is left of this run: of {len(log_history.losses) + log_history.skipped} steps "
            f"{log_history.skipped} were not finite, and the best NLL on valid is "
            f"{log_history.best.nll}; lower train.learning_rate or set train.max_grad_norm"
        )


def _out_of_patience(log_history: LogHistory, patience: int | None) -> bool:
    if patience is None or not log_history.evaluations:
        return False
    return log_history.since_best >= patience
