"""Figures of metrics/eval.json, plots, and the bag-of-words baseline."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from mlx_reward.data.chat import Renderer
from mlx_reward.data.dataset import PreferenceDataset, tokenize
from mlx_reward.data.pair import Pair
from mlx_reward.evaluation.baselines import bag_of_words_margins
from mlx_reward.evaluation.calibration import Calibrator
from mlx_reward.evaluation.metrics import accuracy, reliability
from mlx_reward.evaluation.plot_rows import histogram_rows, reliability_rows
from mlx_reward.evaluation.summary import figures, plot_rows, reward_rows, subset_rows
from mlx_reward.evaluation.warnings import shift, warnings
from mlx_reward.report.reliability import draw_reliability
from mlx_reward.utils.errors import InputError
from tests import tiny


def pair(n: int, chosen: str, rejected: str) -> Pair:
    return Pair(prompt=f"q{n}", chosen=chosen, rejected=rejected, id=str(n), group=str(n))


def test_figures_by_hand() -> None:
    """Two pairs at temperature 2: margins 2 (right) and -1 (wrong), so logits 1 and -0.5."""
    data = tokenize([pair(0, "aaa", "b"), pair(1, "c", "ddd")], Renderer(tiny.tokenizer(), 200))
    rewards = np.array([1.0, -1.0, 0.0, 1.0])
    found = figures(data, rewards, Calibrator(2.0), bins=2)
    assert found["accuracy"] == 0.5
    assert found["nll"] == pytest.approx((np.log1p(np.exp(-1)) + np.log1p(np.exp(0.5))) / 2)
    assert found["nll_before"] == pytest.approx((np.log1p(np.exp(-2)) + np.log1p(np.exp(1))) / 2)
    assert (found["reward_chosen_mean"], found["reward_rejected_mean"]) == (0.5, 0.0)
    assert (found["pairs"], found["texts"], found["ties"], found["longer_wins_accuracy"]) == (
        2,
        4,
        0,
        0.5,
    )
    assert all(
        v is None or isinstance(v, (int, float)) for v in json.loads(json.dumps(found)).values()
    )


def test_every_interval_holds_its_figure_and_subsets_add_up() -> None:
    data, rewards = many(120)
    found = figures(data, rewards, Calibrator(1.0), bins=15)
    for name in ("accuracy", "nll", "brier"):
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]
    rows = subset_rows(data, data.margins(rewards), 15)
    assert sum(row["pairs"] for row in rows) == 120  # type: ignore[misc]  # counts are numbers
    mean = sum(row["pairs"] * row["accuracy"] for row in rows) / 120  # type: ignore[operator,misc]  # as above
    assert mean == pytest.approx(found["accuracy"])


def test_reward_rows_say_what_the_figures_say() -> None:
    data, rewards = many(60)
    rows = reward_rows(data, rewards, np.zeros(len(rewards)), data.margins(rewards) / 2)
    assert (
        accuracy(np.array([row["logit"] for row in rows], float))
        == figures(data, rewards, Calibrator(2.0), 15)["accuracy"]
    )
    assert all(
        row["reward_chosen"] - row["reward_rejected"] == pytest.approx(2 * row["logit"])
        for row in rows
    )  # type: ignore[operator]


def many(count: int) -> tuple[PreferenceDataset, np.ndarray]:
    """Pairs of three subsets with random rewards, right more often than not."""
    rows = [
        replace(pair(n, "good" * (1 + n % 3), "bad" * (1 + n % 4)), subset="abc"[n % 3])
        for n in range(count)
    ]
    data = tokenize(rows, Renderer(tiny.tokenizer(), 200))
    rng = np.random.default_rng(0)
    rewards = rng.normal(size=len(data.texts))
    rewards[data.chosen] += 1
    return data, rewards


def test_bag_of_words_learns_words_and_nothing_from_noise() -> None:
    rng = np.random.default_rng(0)
    telling = [pair(n, f"thanks {n}", f"whatever {n}") for n in range(60)]
    assert accuracy(bag_of_words_margins(telling[:40], telling[40:])) == 1.0
    noise = [
        pair(n, *(" ".join(rng.choice(list("abcdefgh"), 5)) for _ in range(2))) for n in range(600)
    ]
    assert 0.35 < accuracy(bag_of_words_margins(noise[:300], noise[300:])) < 0.65


def test_plot_rows_hold_every_pair() -> None:
    margins = np.random.default_rng(0).normal(size=200)
    assert sum(r["pairs"] for r in histogram_rows(margins)) == 200  # type: ignore[misc]  # counts are numbers
    rows = reliability_rows(reliability(margins, 15))
    assert sum(r["pairs"] for r in rows) == 200  # type: ignore[misc]  # as above
    assert all(0.5 <= r["confidence"] <= 1 and 0 <= r["share_correct"] <= 1 for r in rows)  # type: ignore[operator]


def test_the_picture_is_svg_and_the_same_every_time(tmp_path: Path) -> None:
    """DVC hashes it: a date in it would make every run look new."""
    diagram = reliability(np.random.default_rng(0).normal(size=200), 15)
    for name in ("a.svg", "b.svg"):
        draw_reliability(tmp_path / name, diagram, diagram, "200 test pairs")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("pairs", "rewards"),
    [
        ([pair(0, "a", "bb")], [1.0, 0.0]),  # one pair
        ([pair(n, "a", "bb") for n in range(4)], [1.0, 0.0] * 4),  # all right
        ([pair(n, "a", "bb") for n in range(4)], [0.0, 1.0] * 4),  # all wrong
        ([pair(n, "a", "b") for n in range(4)], [0.5] * 8),  # all ties, of equal length
    ],
)
def test_figures_of_a_degenerate_test_set_are_numbers_or_null(
    pairs: list[Pair], rewards: list[float]
) -> None:
    """Never a crash, never NaN: metrics files are JSON."""
    data = tokenize(pairs, Renderer(tiny.tokenizer(), 200))
    values = np.array(rewards)
    found = figures(data, values, Calibrator(1.0), bins=15)
    json.dumps(
        [found, plot_rows(data, data.margins(values), data.margins(values), 15)], allow_nan=False
    )
    assert found["spearman"] is None
    assert found["groups"] == 0


def test_rewards_that_are_not_finite_are_refused_in_words() -> None:
    data = tokenize([pair(0, "a", "bb")], Renderer(tiny.tokenizer(), 200))
    with pytest.raises(
        InputError,
        match=r"1 of 2 rewards on the test split are not finite; lower train.learning_rate",
    ):
        figures(data, np.array([np.nan, 1.0]), Calibrator(1.0), bins=15)


def test_what_is_suspect_is_said() -> None:
    fine = {"accuracy": 0.8, "longer_wins_accuracy": 0.6, "longer_wins_p": 0.001, "shift_p": 0.4}
    assert warnings(fine) == []
    assert "longer response" in warnings(fine | {"longer_wins_p": 0.2})[0]
    assert "unlike those on valid (p 0.001)" in warnings(fine | {"shift_p": 0.001})[0]
    rng = np.random.default_rng(0)
    assert shift(rng.normal(size=400), -rng.normal(size=400)) > 0.01
    assert shift(rng.normal(size=400), 2 * rng.normal(size=400)) < 1e-6
