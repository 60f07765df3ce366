"""Training learns, repeats bit for bit, keeps its best weights, and stops on nonsense."""

import dataclasses
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from mlx_reward.data.dataset import PreferenceDataset
from mlx_reward.engine.engine import Engine
from mlx_reward.evaluation.metrics import accuracy
from mlx_reward.model.adapters import with_adapters
from mlx_reward.model.network import RewardNetwork
from mlx_reward.training.state import StateFile
from mlx_reward.training.trainer import train
from mlx_reward.utils.errors import InputError
from tests import tiny
from tests.toy import dataset, loss_settings, network, pairs, settings, tokenized, weights


def margins(model: RewardNetwork, data: PreferenceDataset) -> np.ndarray:
    return data.margins(Engine(model).score(data.texts))


def test_it_learns_what_it_was_shown_and_generalises() -> None:
    trained = network()
    log_history = train(Engine(trained), dataset(120), dataset(30, seed=1), settings())
    assert log_history.losses[0] == pytest.approx(np.log(2))
    assert accuracy(margins(trained, dataset(60, seed=2))) > 0.8


def test_votes_as_soft_labels_are_what_is_learnt() -> None:
    """Judges split three to one teach a margin of log 3; plain preferences an ever greater one."""
    rows = [dataclasses.replace(row, votes=[3, 1]) for row in pairs(240)[1::3]]
    data, valid = tokenized(rows), tokenized(rows[:20])
    means = []
    for soft in (True, False):
        trained = network()
        train(Engine(trained), data, valid, settings(loss=loss_settings(soft_labels=soft)))
        means.append(float(np.mean(margins(trained, data))))
    assert means[0] == pytest.approx(np.log(3), abs=0.5)
    assert means[1] > 2 * means[0]


def test_one_seed_gives_the_same_weights_bit_for_bit() -> None:
    runs = []
    for _ in range(2):
        trained = network()
        train(Engine(trained), dataset(24), dataset(9, seed=1), settings(epochs=1))
        runs.append(weights(trained))
    assert all(np.array_equal(runs[0][name], runs[1][name]) for name in runs[0])


def test_the_best_weights_by_valid_nll_are_kept() -> None:
    """A learning rate that ruins the model later must not ruin what is kept."""
    trained, valid = network(), dataset(30, seed=1)
    changes = {"learning_rate": 0.1, "lr_schedule": "constant", "warmup": 0.0, "epochs": 3}
    log_history = train(Engine(trained), dataset(60), valid, settings(**changes))
    assert log_history.best.nll == min(e.nll for e in log_history.evaluations)
    assert log_history.since_best > 0  # the last weights are others
    kept = margins(trained, valid)
    assert accuracy(kept) == pytest.approx(log_history.best.accuracy)


def test_losses_that_are_not_finite_stop_with_the_remedy() -> None:
    broken = network()
    broken.head.weight = mx.full(broken.head.weight.shape, float("nan"))
    expected = r"not finite in 5 steps in a row \(loss nan at step 5\); lower train.learning_rate"
    with pytest.raises(InputError, match=expected):
        train(Engine(broken), dataset(9), dataset(9, seed=1), settings(batch_size=3))


@pytest.mark.parametrize(
    "message",
    [
        "[malloc] Unable to allocate 99 bytes.",
        "[METAL] Command buffer execution failed: Insufficient Memory (00000008:"
        "kIOGPUCommandBufferCallbackErrorOutOfMemory)",
    ],
)
def test_running_out_of_memory_names_the_settings_to_lower(
    message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> mx.array:
        raise RuntimeError(message)

    monkeypatch.setattr(Engine, "forward", full)
    expected = (
        r"out of memory at step 1 .*lower train.batch_size \(now 24\)"
        r".*lower train.max_seq_length \(now 1024\)"
    )
    with pytest.raises(InputError, match=expected):
        train(Engine(network()), dataset(9), dataset(9, seed=1), settings())


def test_other_errors_are_not_taken_for_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> mx.array:
        raise RuntimeError("[matmul] shapes do not fit")

    monkeypatch.setattr(Engine, "forward", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train(Engine(network()), dataset(9), dataset(9, seed=1), settings())


def test_patience_ends_the_run() -> None:
    changes = {
        "learning_rate": 0.5,
        "epochs": 20,
        "evals_per_epoch": 1,
        "patience": 2,
        "warmup": 0.0,
    }
    log_history = train(Engine(network()), dataset(36), dataset(9, seed=1), settings(**changes))
    assert log_history.since_best == 2
    assert len(log_history.evaluations) < 20


def test_a_run_that_patience_ended_does_not_go_on_when_it_resumes(tmp_path: Path) -> None:
    """As the finished members of an ensemble do when a later one was interrupted."""
    state_file = StateFile(tmp_path / "run.safetensors", "one")
    changes = {"learning_rate": 0.5, "epochs": 20, "patience": 2, "warmup": 0.0, "save_every": 1}
    steps, ends = [], []
    for _ in range(2):
        trained = network()
        log_history = train(
            Engine(trained),
            dataset(36),
            dataset(9, seed=1),
            settings(**changes),
            state_file=state_file,
        )
        steps.append(len(log_history.losses))
        ends.append(weights(trained))
    assert steps[0] == steps[1]
    assert all(np.array_equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_iters_end_a_run_in_the_middle_of_an_epoch_with_an_evaluation() -> None:
    changes = {"batch_size": 9, "iters": 6, "evals_per_epoch": 1}
    log_history = train(Engine(network()), dataset(36), dataset(9, seed=1), settings(**changes))
    assert len(log_history.losses) == 6
    assert [e.step for e in log_history.evaluations] == [4, 6]


def test_a_margin_by_strength_pushes_strong_preferences_further_apart() -> None:
    """The strong preference of each prompt is that of the best over the worst."""
    rows = [
        dataclasses.replace(row, preference_strength=float(number % 3 == 1))
        for number, row in enumerate(pairs(120))
    ]
    data = tokenized(rows)
    apart = []
    for margin in (0.0, 20.0):
        trained = network()
        train(Engine(trained), data, data, settings(loss=loss_settings(margin=margin), epochs=4))
        apart.append(margins(trained, data)[1::3].mean())
    assert apart[1] > apart[0] + 2


def test_whole_rankings_are_learnt_listwise() -> None:
    trained = network()
    plackett_luce = settings(loss=loss_settings(kind="plackett_luce"))
    log_history = train(Engine(trained), dataset(120), dataset(30, seed=1), plackett_luce)
    expected = (np.log(3) + np.log(2)) / 3  # but for rankings that two batches share
    assert log_history.losses[0] == pytest.approx(expected, rel=0.02)
    assert accuracy(margins(trained, dataset(60, seed=2))) > 0.8


def test_fully_trained_blocks_learn_and_the_others_stay() -> None:
    backbone = tiny.model("llama")
    backbone.freeze()
    lora = {"rank": 4, "scale": 2.0, "dropout": 0.0}
    trained = with_adapters(backbone, 1, **lora, fine_tune_type="full")
    before = [np.array(block.mlp.up_proj.weight) for block in backbone.layers]
    train(Engine(trained), dataset(120), dataset(30, seed=1), settings())
    moved = [
        not np.array_equal(old, block.mlp.up_proj.weight)
        for old, block in zip(before, backbone.layers, strict=True)
    ]
    assert moved == [False, False, True]
    assert accuracy(margins(trained, dataset(60, seed=2))) > 0.8
