"""Training learns, repeats bit for bit, keeps its best state, and stops on nonsense."""

import dataclasses
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten, tree_map

from mlx_reward.config.reader import read_section
from mlx_reward.config.train import LossSettings, TrainSettings
from mlx_reward.data.chat import Renderer
from mlx_reward.data.dataset import PreferenceDataset, collate, tokenize
from mlx_reward.data.pair import Pair
from mlx_reward.data.sampler import batch_sampler
from mlx_reward.engine.engine import Engine
from mlx_reward.evaluation.metrics import accuracy
from mlx_reward.model.adapters import with_adapters
from mlx_reward.model.network import RewardNetwork
from mlx_reward.training.schedules import learning_rate
from mlx_reward.training.trainer import train
from mlx_reward.utils.errors import InputError
from tests import tiny

ROOT = Path(__file__).parents[2]
LORA = {"rank": 4, "scale": 2.0, "dropout": 0.0}


def pairs(count: int, seed: int = 0) -> list[Pair]:
    """Groups of three responses to a prompt; the more vowels, the better: visible to a model, hidden from length."""
    rng = np.random.default_rng(seed)
    rows = []
    for g in range(count // 3):
        a, b, c = (
            "".join(rng.choice(list(letters), size=12))
            for letters in ("aeiouy", "aeioubcdfg", "bcdfgh")
        )
        for chosen, rejected in ((a, b), (a, c), (b, c)):
            rows.append(
                Pair(
                    prompt=f"question {g}",
                    chosen=chosen,
                    rejected=rejected,
                    id=str(len(rows)),
                    group=str(g),
                )
            )
    return rows


def compared(count: int, seed: int = 0) -> PreferenceDataset:
    return tokenize(pairs(count, seed), Renderer(tiny.tokenizer(), 200))


def settings(**changes: object) -> TrainSettings:
    default = read_section(ROOT / "params.yaml", "train", TrainSettings)
    quick = {"epochs": 2, "learning_rate": 1e-2, "evals_per_epoch": 2}
    return default.model_copy(update=quick | changes)


def loss(**changes: object) -> LossSettings:
    return settings().loss.model_copy(update=changes)


def model(seed: int = 0) -> RewardNetwork:
    backbone = tiny.model("llama")
    backbone.freeze()
    mx.random.seed(seed)
    return with_adapters(backbone, -1, rank=4, scale=2.0, dropout=0.0)


def weights(model: RewardNetwork) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in tree_flatten(model.trainable_parameters())}


def test_it_learns_what_it_was_shown_and_generalises() -> None:
    trained, test = model(), compared(60, seed=2)
    history = train(Engine(trained), compared(120), compared(30, seed=1), settings())
    assert history.losses[0] == pytest.approx(np.log(2))
    assert accuracy(test.margins(Engine(trained).score(test.texts, test.prompts))) > 0.8


def test_votes_as_soft_labels_are_what_is_learnt() -> None:
    """Judges who are split three to one teach a margin of log 3, not an ever greater one; without soft labels they do not."""
    rows = [dataclasses.replace(row, votes=[3, 1]) for row in pairs(240)[1::3]]
    data, valid = (tokenize(r, Renderer(tiny.tokenizer(), 200)) for r in (rows, rows[:20]))
    means = []
    for soft in (True, False):
        trained = model()
        train(Engine(trained), data, valid, settings(loss=loss(soft_labels=soft)))
        means.append(float(np.mean(data.margins(Engine(trained).score(data.texts, data.prompts)))))
    assert means[0] == pytest.approx(np.log(3), abs=0.5)
    assert means[1] > 2 * means[0]


def test_one_seed_gives_the_same_weights_bit_for_bit() -> None:
    runs = []
    for _ in range(2):
        trained = model()
        train(Engine(trained), compared(24), compared(9, seed=1), settings(epochs=1))
        runs.append(weights(trained))
    assert all(np.array_equal(runs[0][name], runs[1][name]) for name in runs[0])


def test_the_best_state_by_valid_nll_is_kept() -> None:
    """A learning rate that ruins the model later must not ruin what is kept."""
    trained, valid = model(), compared(30, seed=1)
    history = train(
        Engine(trained), compared(60), valid, settings(learning_rate=0.3, warmup=0.0, epochs=3)
    )
    assert history.best.nll == min(e.nll for e in history.evaluations)
    kept = valid.margins(Engine(trained).score(valid.texts, valid.prompts))
    assert accuracy(kept) == pytest.approx(history.best.accuracy)


def test_every_comparison_is_seen_once_an_epoch_and_the_last_partial_batch_is_kept() -> None:
    data = compared(33)
    batches = [
        collate(data, members) for members in batch_sampler(data, 8, np.random.default_rng(0))
    ]
    seen = sorted(
        (int(b.texts[c]), int(b.texts[r]))
        for b in batches
        for c, r in zip(b.chosen, b.rejected, strict=True)
    )
    assert seen == sorted(zip(data.chosen.tolist(), data.rejected.tolist(), strict=True))
    assert [len(b.chosen) for b in batches] == [8, 8, 8, 8, 1]


def test_a_text_is_encoded_once_however_many_pairs_it_stands_in() -> None:
    data = compared(33)
    assert len(data.texts) == 33  # 11 prompts of 3 responses, 3 pairs each
    batches = [
        collate(data, members) for members in batch_sampler(data, 9, np.random.default_rng(0))
    ]
    assert all(len(set(b.texts.tolist())) == len(b.texts) for b in batches)
    assert sum(len(b.texts) for b in batches) < 2 * 33 * 0.9


def test_many_pairs_of_one_prompt_share_texts_too() -> None:
    """20 responses to one prompt, compared each with each: a batch of 16 pairs must not need 20 texts."""
    names = [f"r{n}" for n in range(20)]
    rows = [
        Pair(prompt="q", chosen=a, rejected=b, id=f"{a}{b}", group="q")
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    ]
    data = tokenize(rows, Renderer(tiny.tokenizer(), 200))
    batches = [
        collate(data, members) for members in batch_sampler(data, 16, np.random.default_rng(0))
    ]
    assert sum(len(b.chosen) for b in batches) == 190
    assert (
        sum(len(b.texts) for b in batches) / len(batches) < 8.5
    )  # 16 and more in random order; 7 is the least there can be


def test_left_over_pairs_of_many_prompts_fill_their_batches() -> None:
    """Batches of one prompt alone would leave a small one for each prompt, and the optimizer would take more, noisier steps."""
    data = compared(33)  # 11 prompts of 3 pairs
    batches = list(batch_sampler(data, 8, np.random.default_rng(0)))
    assert [len(b) for b in batches] == [8, 8, 8, 8, 1]
    assert [b.tolist() for b in batches] != [
        b.tolist() for b in batch_sampler(data, 8, np.random.default_rng(1))
    ]


def test_a_response_compared_with_itself_and_a_pair_that_comes_twice_do_not_hold_up_an_epoch() -> (
    None
):
    rows = [
        Pair(prompt="q", chosen=a, rejected=b, id=a + b + str(n))
        for a, b in ("aa", "ab", "bc")
        for n in range(2)
    ]
    data = tokenize(rows, Renderer(tiny.tokenizer(), 200))
    assert sorted(
        np.concatenate(list(batch_sampler(data, 4, np.random.default_rng(0)))).tolist()
    ) == [0, 1, 2, 3, 4, 5]


def test_long_responses_are_dropped_and_named() -> None:
    long = Pair(prompt="q", chosen="x" * 300, rejected="y", id="long", group="q")
    data = tokenize([*pairs(3), long], Renderer(tiny.tokenizer(), 200))
    assert data.dropped == ["long"]
    assert data.counts()["pairs"] == 3


def test_losses_that_are_not_finite_stop_with_the_remedy() -> None:
    broken = model()
    broken.head.weight = mx.full(broken.head.weight.shape, float("nan"))
    with pytest.raises(
        InputError,
        match=r"not finite in 5 steps in a row \(loss nan at step 5\); lower train.learning_rate",
    ):
        train(Engine(broken), compared(9), compared(9, seed=1), settings(batch_size=3))


def test_one_gradient_that_is_not_finite_leaves_its_step_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A single bad batch must not poison weights and optimizer."""
    trained, steps = model(), []

    def sometimes(chosen: mx.array, rejected: mx.array) -> mx.array:
        steps.append(1)
        return (chosen - rejected).sum() * (float("nan") if len(steps) == 2 else 1e-3)

    monkeypatch.setattr("mlx_reward.training.objective.centering", sometimes)
    history = train(
        Engine(trained),
        compared(36),
        compared(9, seed=1),
        settings(batch_size=9, epochs=1, loss=loss(centering=1.0)),
    )
    assert (history.skipped, len(history.losses)) == (1, 3)
    assert all(np.isfinite(w).all() for w in weights(trained).values())


def test_running_out_of_memory_names_the_settings_to_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> mx.array:
        raise RuntimeError("[malloc] Unable to allocate 99 bytes.")

    monkeypatch.setattr(Engine, "forward", full)
    with pytest.raises(
        InputError, match=r"out of memory at step 1 .*lower train.batch_size \(now 24\)"
    ):
        train(Engine(model()), compared(9), compared(9, seed=1), settings())


def test_accumulated_gradients_are_those_of_the_large_batch() -> None:
    """Parts of unequal size, for 36 is not a multiple of 8."""
    runs = []
    for size, parts in ((36, 1), (9, 4), (8, 5)):
        trained = model()
        changes = {"batch_size": size, "grad_accumulation_steps": parts, "iters": 1, "warmup": 0.0}
        train(Engine(trained), compared(36), compared(9, seed=1), settings(**changes))
        runs.append(weights(trained)["head.weight"])
    assert np.abs(runs[0]).max() > 1e-3
    for other in runs[1:]:
        assert other == pytest.approx(runs[0], abs=1e-5)


def test_clipping_bounds_the_step_and_patience_ends_the_run() -> None:
    data, valid = compared(36), compared(9, seed=1)
    free, clipped = model(), model()
    for trained, limit in ((free, None), (clipped, 1e-9)):
        train(Engine(trained), data, valid, settings(max_grad_norm=limit, iters=1, warmup=0.0))
    assert (
        np.abs(weights(clipped)["head.weight"]).max()
        < np.abs(weights(free)["head.weight"]).max() * 0.5
    )  # Adam's epsilon
    history = train(
        Engine(model()),
        data,
        valid,
        settings(learning_rate=0.5, epochs=20, evals_per_epoch=1, patience=2, warmup=0.0),
    )
    assert history.since_best == 2
    assert len(history.evaluations) < 20


def test_iters_end_a_run_in_the_middle_of_an_epoch_with_an_evaluation() -> None:
    history = train(
        Engine(model()),
        compared(36),
        compared(9, seed=1),
        settings(batch_size=9, iters=6, evals_per_epoch=1),
    )
    assert len(history.losses) == 6
    assert [e.step for e in history.evaluations] == [4, 6]


def test_a_margin_by_strength_pushes_strong_preferences_further_apart() -> None:
    rows = [
        dataclasses.replace(row, preference_strength=float(n % 3 == 1))
        for n, row in enumerate(pairs(120))
    ]
    data = tokenize(rows, Renderer(tiny.tokenizer(), 200))
    with pytest.raises(InputError, match="no pair has a preference_strength"):
        train(Engine(model()), compared(9), compared(9), settings(loss=loss(margin=1.0)))
    apart = []
    for margin in (0.0, 20.0):
        trained = model()
        train(Engine(trained), data, data, settings(loss=loss(margin=margin)))
        apart.append(data.margins(Engine(trained).score(data.texts, data.prompts))[1::3].mean())
    assert apart[1] > apart[0] + 2


@pytest.mark.parametrize(
    ("kind", "middle", "end"), [("cosine", 0.5, 0.0), ("linear", 0.5, 0.0), ("constant", 1.0, 1.0)]
)
def test_learning_rate_rises_then_follows_its_schedule(
    kind: str, middle: float, end: float
) -> None:
    schedule = learning_rate(kind, 1.0, steps=100, warmup=0.1)
    rates = [float(schedule(mx.array(s))) for s in (0, 5, 10, 55, 100)]
    assert rates == pytest.approx([0.0, 0.5, 1.0, middle, end], abs=0.01)
    assert float(learning_rate(kind, 1.0, steps=100, warmup=0.0)(mx.array(0))) == 1.0


def test_dropout_is_off_in_evaluation() -> None:
    """Scores during training must not depend on the random state."""
    noisy = with_adapters(tiny.model("llama"), -1, rank=4, scale=2.0, dropout=0.5)
    noisy.head.weight = mx.ones(noisy.head.weight.shape)
    noisy.apply_to_modules(
        lambda _, m: "lora_b" in m and m.update({"lora_b": mx.ones(m.lora_b.shape)})
    )
    noisy.train()
    data = compared(9)
    first, second = (Engine(noisy).score(data.texts, data.prompts) for _ in range(2))
    assert np.array_equal(first, second)
    assert noisy.training


def test_dataclass_of_comparisons_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        compared(3).cut = 1  # type: ignore[misc]  # that it fails is the point


def test_whole_rankings_are_learnt_listwise() -> None:
    trained, test = model(), compared(60, seed=2)
    history = train(
        Engine(trained),
        compared(120),
        compared(30, seed=1),
        settings(loss=loss(kind="plackett_luce")),
    )
    assert history.losses[0] == pytest.approx(
        (np.log(3) + np.log(2)) / 3, rel=0.02
    )  # but for rankings cut in two
    assert accuracy(test.margins(Engine(trained).score(test.texts, test.prompts))) > 0.8
    with pytest.raises(InputError, match=r"train.loss: soft_labels, .* are of pairs"):
        train(
            Engine(model()),
            compared(9),
            compared(9),
            settings(loss=loss(kind="plackett_luce", label_smoothing=0.1)),
        )


def test_fully_trained_blocks_learn_and_the_others_stay() -> None:
    backbone = tiny.model("llama")
    backbone.freeze()
    trained, test = with_adapters(backbone, 1, **LORA, fine_tune_type="full"), compared(60, seed=2)
    before = [np.array(block.mlp.up_proj.weight) for block in backbone.layers]
    train(Engine(trained), compared(120), compared(30, seed=1), settings())
    moved = [
        not np.array_equal(a, b.mlp.up_proj.weight)
        for a, b in zip(before, backbone.layers, strict=True)
    ]
    assert moved == [False, False, True]
    assert accuracy(test.margins(Engine(trained).score(test.texts, test.prompts))) > 0.8


def test_adapters_go_where_their_keys_say() -> None:
    backbone = tiny.model("llama")
    backbone.freeze()
    names = weights(with_adapters(backbone, 2, **LORA, keys=["self_attn.q_proj"]))
    assert sorted(n for n in names if "head" not in n) == [
        f"backbone.model.layers.{i}.self_attn.q_proj.{leaf}"
        for i in (1, 2)
        for leaf in ("lora_a", "lora_b")
    ]
    with pytest.raises(
        InputError,
        match=r"train.lora.keys: no layer is called q; there are mlp.down_proj, .*self_attn.v_proj",
    ):
        with_adapters(tiny.model("llama"), 2, **LORA, keys=["q"])


@pytest.mark.parametrize("padding_free", [True, False])
@pytest.mark.parametrize("kind", ["lora", "full"])
def test_blocks_run_again_in_the_backward_pass_give_the_same_gradients(
    padding_free: bool, kind: str
) -> None:
    """Without prompts that share: padded, keys and values would have to pass from one run to another."""
    data, found = compared(12), []
    for again in (False, True):
        backbone = tiny.model("llama")
        backbone.freeze()
        mx.random.seed(0)
        network = with_adapters(backbone, 2, **LORA, fine_tune_type=kind)
        network.update(
            tree_map(lambda p: p + 0.05 * mx.random.normal(p.shape), network.trainable_parameters())
        )
        engine = Engine(network, grad_checkpoint=again)
        engine._runner.padding_free = engine.padding_free and padding_free
        value_and_grad = nn.value_and_grad(
            network, lambda _: mx.square(engine.forward(data.texts, data.prompts)).sum()
        )
        value, gradients = value_and_grad(network)
        found.append((value.item(), {name: np.array(g) for name, g in tree_flatten(gradients)}))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    for name, gradient in found[0][1].items():
        assert found[1][1][name] == pytest.approx(
            gradient, rel=1e-3, abs=1e-4 * float(np.abs(gradient).max())
        ), name
