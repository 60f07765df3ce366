"""The table of metrics behind metrics/eval.json, plots, and the bag-of-words baseline."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mlx_reward.data.chat import Renderer
from mlx_reward.data.dataset import PreferenceDataset, tokenize
from mlx_reward.data.pair import Pair
from mlx_reward.evaluation.baselines import bag_of_words_margins
from mlx_reward.evaluation.calibrator import Calibrator
from mlx_reward.evaluation.metric_table import METRICS, Metric, compute, markdown_table, table_rows
from mlx_reward.evaluation.metrics import accuracy, ece, reliability
from mlx_reward.evaluation.plot_rows import (
    accuracy_rows,
    histogram_rows,
    plot_rows,
    reliability_rows,
)
from mlx_reward.evaluation.predictions import Predictions, reward_rows
from mlx_reward.utils.errors import InputError
from tests import ROOT, tiny


def pair(n: int, chosen: str, rejected: str) -> Pair:
    return Pair(prompt=f"q{n}", chosen=chosen, rejected=rejected, id=str(n), group=str(n))


def test_metrics_by_hand() -> None:
    """Two pairs at temperature 2: margins 2 (right) and -1 (wrong), so logits 1 and -0.5."""
    data = tokenize([pair(0, "aaa", "b"), pair(1, "c", "ddd")], Renderer(tiny.tokenizer(), 200))
    rewards = np.array([1.0, -1.0, 0.0, 1.0])
    found = compute(Predictions(data, rewards, Calibrator(2.0), bins=2))
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


def test_every_interval_holds_its_metric_and_subsets_add_up() -> None:
    data, rewards = many(120)
    predictions = Predictions(data, rewards, Calibrator(1.0), bins=15)
    found = compute(predictions)
    for name in ("accuracy", "nll", "brier"):
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]
    rows = plot_rows(predictions)["subset_accuracy"]
    assert sum(row["pairs"] for row in rows) == 120  # type: ignore[misc]  # counts are numbers
    mean = sum(row["pairs"] * row["accuracy"] for row in rows) / 120  # type: ignore[operator,misc]  # as above
    assert mean == pytest.approx(found["accuracy"])


def test_accuracy_by_defect_and_of_the_best_response_by_hand() -> None:
    """Of three ranked responses, the model puts the unsafe one first and orders the others right.

    Rewards: best 1, vague 0, unsafe 2. So best beats vague, and both lose against unsafe.
    """
    ranked = [
        replace(pair(0, "best", "vague"), id="0", defect="vague"),
        replace(pair(0, "best", "unsafe"), id="1", defect="unsafe"),
        replace(pair(0, "vague", "unsafe"), id="2", defect="unsafe"),
    ]
    unlabelled = [replace(pair(1, "c", "d"), id="3")]
    data = tokenize([*ranked, *unlabelled], Renderer(tiny.tokenizer(), 200))
    by_text = {"best": 1.0, "vague": 0.0, "unsafe": 2.0, "c": 1.0, "d": 0.0}
    rewards = np.zeros(len(data.texts))
    for index, row in enumerate(data.pairs):
        rewards[data.chosen[index]] = by_text[row.chosen]
        rewards[data.rejected[index]] = by_text[row.rejected]
    predictions = Predictions(data, rewards, Calibrator(1.0), bins=2)
    rows = accuracy_rows(predictions, "defect", [row.defect for row in data.pairs])
    found = {row["defect"]: (row["accuracy"], row["pairs"]) for row in rows}
    assert found == {"unsafe": (0.0, 2), "vague": (1.0, 1)}
    # best > vague and c > d are right, best > unsafe is wrong; vague > unsafe is not of a best one
    assert compute(predictions)["best_vs_rest_accuracy"] == pytest.approx(2 / 3)


def test_the_p_of_each_subset_is_corrected_for_their_number() -> None:
    """Six prompts are right in subset x: 2 of 64 sign changes are as far, so p is 1/32, of two
    subsets 1/16. In subset y one is right and one wrong: p is 1.
    """
    subsets = ["x"] * 6 + ["y"] * 2
    rows = [replace(pair(n, f"a{n}", f"b{n}"), subset=name) for n, name in enumerate(subsets)]
    data = tokenize(rows, Renderer(tiny.tokenizer(), 200))
    rewards = np.zeros(len(data.texts))
    rewards[data.chosen] = [1, 1, 1, 1, 1, 1, 1, -1]
    found = plot_rows(Predictions(data, rewards, Calibrator(1.0), bins=2))["subset_accuracy"]
    assert [(row["subset"], row["p"]) for row in found] == [("x", 2 / 32), ("y", 1.0)]


def test_pairs_without_rankings_or_defects_have_no_such_metrics() -> None:
    data = tokenize([pair(0, "a", "b"), pair(1, "c", "d")], Renderer(tiny.tokenizer(), 200))
    predictions = Predictions(data, np.arange(4.0), Calibrator(1.0), bins=2)
    assert "best_vs_rest_accuracy" not in compute(predictions)
    assert plot_rows(predictions)["defect_accuracy"] == []


def test_ece_stands_beside_what_chance_makes_of_it() -> None:
    """Its bootstrap interval is gone: each resampled ECE is larger than the sample's own."""
    data, rewards = many(120)
    predictions = Predictions(data, rewards, Calibrator(1.0), bins=15)
    found = compute(predictions)
    assert found["ece"] == pytest.approx(ece(reliability(predictions.logits, 15)))
    assert 0 < found["ece_null_mean"] < found["ece_null_95"] < 1
    assert 0 < found["ece_p"] <= 1
    assert 0 <= found["ece_debiased"] <= found["ece"]
    assert 0 < found["smece"] <= found["ece"] + 0.01
    assert "ece_low" not in found
    rows = plot_rows(predictions)["reliability_after"]
    assert all(0 <= row["low"] <= row["confidence"] <= row["high"] <= 1 for row in rows)  # type: ignore[operator]  # numbers


def test_what_is_before_calibration_and_what_is_after() -> None:
    data, rewards = many(120)
    predictions = Predictions(data, 3 * rewards, Calibrator(3.0), bins=15)
    found = compute(predictions)
    assert found["ece_before"] == pytest.approx(ece(reliability(3 * data.margins(rewards), 15)))
    assert found["ece"] == pytest.approx(ece(reliability(data.margins(rewards), 15)))


def test_pairs_of_a_prompt_are_one_cluster_of_the_null() -> None:
    """Ten prompts of twelve pairs, each right or wrong as a whole."""
    pairs = [replace(pair(n, f"a{n}", f"b{n}"), prompt=f"q{n // 12}") for n in range(120)]
    data = tokenize(pairs, Renderer(tiny.tokenizer(), 200))
    rewards = np.zeros(len(data.texts))
    rewards[data.chosen] = np.where(np.arange(120) // 12 < 7, 1.0, -1.0)
    null = Predictions(data, rewards, Calibrator(1.0), bins=15).null
    assert null is not None
    assert null.share > 0.5


def test_under_a_hundred_pairs_calibration_is_not_measured() -> None:
    data, rewards = many(99)
    predictions = Predictions(data, rewards, Calibrator(1.0), bins=15)
    found = compute(predictions)
    for name in ("ece", "ece_null_mean", "ece_null_95", "ece_p", "ece_debiased", "smece"):
        assert found[name] is None, name
    assert found["ece_before"] is None
    assert all(row["ece"] is None for row in plot_rows(predictions)["subset_accuracy"])
    assert "low" not in plot_rows(predictions)["reliability_after"][0]


def test_reward_rows_say_what_the_metrics_say() -> None:
    data, rewards = many(60)
    predictions = Predictions(data, rewards, Calibrator(2.0), bins=15)
    rows = reward_rows(predictions, np.zeros(len(rewards)))
    logits = np.array([row["logit"] for row in rows], float)
    assert accuracy(logits) == compute(predictions)["accuracy"]
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
    rows = histogram_rows("margin", {"pairs": margins, "twice": margins * 2})
    assert all(sum(row[name] for row in rows) == 200 for name in ("pairs", "twice"))  # type: ignore[misc]  # counts are numbers
    wrong = sum(row["pairs"] for row in rows if row["margin"] < 0)  # type: ignore[misc, operator]
    assert wrong == (margins < 0).sum()  # zero is an edge of a bin
    (alone,) = histogram_rows("margin", {"pairs": np.zeros(3)})
    assert alone["pairs"] == 3
    rows = reliability_rows(reliability(margins, 15))
    assert sum(r["pairs"] for r in rows) == 200  # type: ignore[misc]  # as above
    assert all(0.5 <= r["confidence"] <= 1 and 0 <= r["share_correct"] <= 1 for r in rows)  # type: ignore[operator]


def test_a_metric_is_one_row_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new row is in metrics/eval.json and in the tables that people read, nowhere else to add."""
    data, rewards = many(30)
    widest = Metric("widest_margin", "widest margin", lambda p: float(np.abs(p.margins).max()))
    monkeypatch.setattr("mlx_reward.evaluation.metric_table.METRICS", (*METRICS, widest))
    found = compute(Predictions(data, rewards, Calibrator(1.0), bins=15))
    assert found["widest_margin"] == np.abs(data.margins(rewards)).max()
    assert table_rows(found)[-1] == ("widest margin", found["widest_margin"], None, None)


def test_the_committed_metrics_are_those_of_the_table() -> None:
    """What metrics/eval.json of the default run holds, in the order of the table."""
    committed = json.loads((ROOT / "metrics" / "eval.json").read_text())
    names = [name for name in committed if not name.endswith(("_low", "_high"))]
    assert len(names) > 30
    assert names == [metric.name for metric in METRICS if metric.name in committed]


def test_the_markdown_table_holds_what_has_an_interval() -> None:
    data, rewards = many(30)
    found = compute(Predictions(data, rewards, Calibrator(1.0), bins=15))
    lines = markdown_table(found).splitlines()
    assert lines[0] == "| metric | value | 95 % interval |"
    ends = f"{found['accuracy_low']:.4f} to {found['accuracy_high']:.4f}"
    assert lines[2] == f"| accuracy | {found['accuracy']:.4f} | {ends} |"
    assert len(lines) == 2 + 5  # no groups to rank, and too few wrong decisions for an AUROC


def test_an_ensemble_has_the_metrics_of_its_members() -> None:
    data, rewards = many(60)
    both = np.stack([rewards, -rewards])
    predictions = Predictions(
        data,
        rewards,
        Calibrator(1.0),
        bins=15,
        member_rewards=both,
        member_calibrators=(Calibrator(1.0), Calibrator(2.0)),
    )
    found = compute(predictions)
    assert found["members"]["1"]["accuracy"] == found["accuracy"]
    assert found["members"]["2"]["accuracy"] == pytest.approx(1 - found["accuracy"])
    assert "members" not in compute(replace(predictions, member_rewards=both[:1]))


@pytest.mark.parametrize(
    ("pairs", "rewards"),
    [
        ([pair(0, "a", "bb")], [1.0, 0.0]),  # one pair
        ([pair(n, "a", "bb") for n in range(4)], [1.0, 0.0] * 4),  # all right
        ([pair(n, "a", "bb") for n in range(4)], [0.0, 1.0] * 4),  # all wrong
        ([pair(n, "a", "b") for n in range(4)], [0.5] * 8),  # all ties, of equal length
    ],
)
def test_metrics_of_a_degenerate_test_set_are_numbers_or_null(
    pairs: list[Pair], rewards: list[float]
) -> None:
    """Never a crash, never NaN: metrics files are JSON."""
    data = tokenize(pairs, Renderer(tiny.tokenizer(), 200))
    predictions = Predictions(data, np.array(rewards), Calibrator(1.0), bins=15)
    found = compute(predictions)
    json.dumps([found, plot_rows(predictions)], allow_nan=False)
    assert found["spearman"] is None
    assert found["groups"] == 0


def test_rewards_that_are_not_finite_are_refused_in_words() -> None:
    data = tokenize([pair(0, "a", "bb")], Renderer(tiny.tokenizer(), 200))
    with pytest.raises(
        InputError,
        match=r"1 of 2 rewards on the test split are not finite; lower train.learning_rate",
    ):
        compute(Predictions(data, np.array([np.nan, 1.0]), Calibrator(1.0), bins=15))


def test_gains_are_taken_pair_by_pair() -> None:
    """The model is right on 80 of 100 pairs, the longer response on 60 of these and no others."""
    lengths = [("aa", "b")] * 60 + [("a", "bb")] * 40
    data = tokenize(
        [pair(n, *both) for n, both in enumerate(lengths)], Renderer(tiny.tokenizer(), 200)
    )
    rewards = np.zeros(len(data.texts))
    rewards[data.chosen] = np.where(np.arange(100) < 80, 1.0, -1.0)
    words = np.where(np.arange(100) < 79, 1.0, -1.0)
    predictions = Predictions(data, rewards, Calibrator(1.0), bins=15, baseline_margins=words)
    found = compute(predictions)
    assert found["gain_over_longer_wins"] == pytest.approx(0.2)
    assert (
        0.1 < found["gain_over_longer_wins_low"] < 0.2 < found["gain_over_longer_wins_high"] < 0.3
    )
    assert found["gain_over_bag_of_words"] == pytest.approx(0.01)
    assert found["gain_over_bag_of_words_low"] <= 0
