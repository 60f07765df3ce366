"""Fit a reward model on comparisons: AdamW with warm-up and decay, evaluated on valid, the best state kept, resumable."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import mlx.core as mx
import mlx.optimizers as optim
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten

from mlx_reward.config.train import TrainSettings
from mlx_reward.data.dataset import PairIds, PreferenceDataset
from mlx_reward.data.sampler import batch_sampler
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.features import FrozenFeatures
from mlx_reward.evaluation.metrics import accuracy, nll
from mlx_reward.model.network import RewardNetwork
from mlx_reward.training.distributed import SINGLE_PROCESS, DataParallel
from mlx_reward.training.history import Evaluation, LogHistory
from mlx_reward.training.objective import objective
from mlx_reward.training.schedules import learning_rate
from mlx_reward.training.state import StateFile, TrainerState
from mlx_reward.training.step import Step, make_train_step
from mlx_reward.training.tracking import Log, silent
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.progress import bar

SKIPPED_IN_A_ROW = 5  # steps without a finite gradient, before there is no hope


@dataclass(frozen=True)
class Frozen:
    """What the frozen blocks make of the texts of train and valid, None where it is not kept."""

    training: FrozenFeatures | None = None
    valid: FrozenFeatures | None = None


UNKNOWN = Frozen()


@dataclass(frozen=True)
class Plan:
    """``steps`` optimizer steps in all, ``per_epoch`` of them an epoch, and after which of an epoch's to evaluate."""

    steps: int
    per_epoch: int
    stops: frozenset[int]

    def evaluates(self, step: int) -> bool:
        return step == self.steps or (step - 1) % self.per_epoch + 1 in self.stops


def plan(pairs: int, settings: TrainSettings) -> Plan:
    """For training on so many ``pairs``."""
    per_epoch = math.ceil(pairs / (settings.batch_size * settings.grad_accumulation_steps))
    stops = frozenset(
        round(per_epoch * k / settings.evals_per_epoch)
        for k in range(1, settings.evals_per_epoch + 1)
    )
    return Plan(settings.iters or per_epoch * settings.epochs, per_epoch, stops)


def train(
    engine: Engine,
    training: PreferenceDataset,
    valid: PreferenceDataset,
    settings: TrainSettings,
    frozen: Frozen = UNKNOWN,
    resume: StateFile | None = None,
    ranks: DataParallel = SINGLE_PROCESS,
    log: Log = silent,
) -> LogHistory:
    """Fit the network of ``engine`` in place and leave it in its best state by NLL on ``valid``; each of ``ranks`` fits its copy alike.

    Repeatable for one seed and machine, also where ``resume`` takes up a run that was stopped at any moment.
    """
    model = engine.network
    course = plan(len(training.pairs), settings)
    schedule = learning_rate(
        settings.lr_schedule, settings.learning_rate, course.steps, settings.warmup
    )
    optimizer = optim.AdamW(schedule, weight_decay=settings.weight_decay)
    loss_fn = objective(training.pairs, settings.loss)
    knobs = settings.batch_size, settings.max_grad_norm
    step = make_train_step(engine, training, loss_fn, optimizer, *knobs, frozen.training, ranks)
    done, history, best = _start(model, optimizer, resume)
    ranks.agree("how far the run that was stopped came, a file in checkpoints/", done)
    history.replay(log)
    batches = islice(_batches(training, settings), done, course.steps)
    pairs = [
        round(len(training.pairs) * steps / course.per_epoch) for steps in (course.steps, done)
    ]
    with bar(total=pairs[0], initial=pairs[1], what="train", unit="pair") as progress:
        for number, members in enumerate(batches, done + 1):
            mx.random.seed(
                (settings.seed << 32) + (ranks.rank << 24) + number
            )  # of dropout: a run taken up draws the same
            _note(history, _careful(step, members, number, settings), number)
            if course.evaluates(number):
                history.evaluations.append(evaluate(engine, valid, number, frozen.valid, ranks))
                if history.best.step == number:
                    best = trainable(model)
            log(number, history.latest(number))
            progress.update(len(members))
            progress.set_postfix_str(
                f"{history.summary()}, peak {mx.get_peak_memory() / 2**30:.1f} GiB", refresh=False
            )
            if (
                resume
                and ranks.first
                and (number % settings.save_every == 0 or number == course.steps)
            ):
                resume.save(TrainerState(number, history, trainable(model), best, optimizer.state))
            if (
                settings.patience
                and history.evaluations
                and history.since_best >= settings.patience
            ):
                break
    model.update(best)
    return history


def _start(
    model: RewardNetwork, optimizer: optim.Optimizer, resume: StateFile | None
) -> tuple[int, LogHistory, dict[str, Any]]:
    """How many steps are done, what they showed, and the best state: of a run that was stopped, or of a new one."""
    saved = resume.load() if resume else None
    if saved is None:
        return 0, LogHistory(), trainable(model)
    model.update(saved.weights)
    optimizer.state = saved.optimizer
    print(f"going on after step {saved.step}, where the last run was stopped")
    return saved.step, saved.history, saved.best


def _batches(training: PreferenceDataset, settings: TrainSettings) -> Iterator[PairIds]:
    """The pairs of each step, epoch after epoch without end."""
    rng = np.random.default_rng(settings.seed)
    for _ in count():
        yield from batch_sampler(
            training, settings.batch_size * settings.grad_accumulation_steps, rng
        )


def _careful(step: Any, members: PairIds, number: int, settings: TrainSettings) -> Step:
    """``step``, with a remedy where memory runs out."""
    try:
        taken: Step = step(members)
    except RuntimeError as error:
        if "alloc" not in str(error).lower():
            raise
        remedy = f"lower train.batch_size (now {settings.batch_size}) and raise train.grad_accumulation_steps by as much"
        raise InputError(
            f"out of memory at step {number} ({error}); {remedy}, or lower train.max_seq_length"
        ) from None
    return taken


def _note(history: LogHistory, taken: Step, number: int) -> None:
    """Write ``taken`` into ``history``. InputError where there have been too many in a row that were not finite."""
    if taken.finite:
        history.losses.append(taken.loss)
        history.accuracies.append(taken.accuracy)
        history.skipped_in_a_row = 0
        return
    history.skipped += 1
    history.skipped_in_a_row += 1
    if history.skipped_in_a_row == SKIPPED_IN_A_ROW:
        reason = f"the loss or its gradient was not finite in {SKIPPED_IN_A_ROW} steps in a row (loss {taken.loss} at step {number})"
        raise InputError(f"{reason}; lower train.learning_rate or set train.max_grad_norm")


def evaluate(
    engine: Engine,
    valid: PreferenceDataset,
    step: int,
    frozen: FrozenFeatures | None,
    ranks: DataParallel,
) -> Evaluation:
    """NLL and accuracy on ``valid``, at temperature 1."""
    rewards = engine.score(
        valid.texts, valid.prompts, "valid", frozen, share=ranks.deal, merge=ranks.total
    )
    margins = valid.margins(rewards)
    return Evaluation(step, nll(margins), accuracy(margins))


def trainable(model: RewardNetwork) -> dict[str, Any]:
    """A copy of the trainable parameters, as a tree for ``model.update``."""
    parameters: Any = tree_flatten(model.trainable_parameters())
    copies = [(name, mx.array(value)) for name, value in parameters]
    mx.eval(copies)
    return dict(tree_unflatten(copies))
