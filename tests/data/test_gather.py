"""Repeated and contradicting pairs are resolved by vote; nothing is lost."""

import json
from collections.abc import Iterator
from pathlib import Path

from mlx_reward.data.gather import Gathered, gather, resolve, set_aside_rows
from mlx_reward.data.ingest import Item, SetAside
from mlx_reward.data.pair import Pair
from mlx_reward.data.stats import DataStats, agreement_metrics, set_aside_counts


def pair(chosen: str, rejected: str, votes: list[int] | None = None, prompt: str = "q") -> Pair:
    return Pair(prompt=prompt, chosen=chosen, rejected=rejected, id="x", votes=votes)


def run(
    items: list[Pair | SetAside], folder: Path
) -> tuple[list[tuple[str, str, list[int] | None]], Gathered]:
    placed: Iterator[Item] = (
        (("f", n), found) for n, item in enumerate(items) for found in (None, item)
    )
    found = gather(placed, folder)
    return [(p.chosen, p.rejected, p.votes) for p in resolve(found)], found


def test_a_repeated_pair_stays_once(tmp_path: Path) -> None:
    kept, found = run(
        [pair("a", "b"), pair("a", "c"), pair("a", "b"), pair("a", "b", prompt="other")], tmp_path
    )
    assert kept == [("a", "b", None), ("a", "c", None), ("a", "b", None)]
    assert set_aside_counts(found)["duplicates"] == 1
    assert [(r["line"], r["kind"]) for r in set_aside_rows(found)] == [(2, "duplicate")]


def test_votes_of_repeated_pairs_are_added(tmp_path: Path) -> None:
    assert run([pair("a", "b", [2, 1]), pair("a", "b", [3, 0])], tmp_path)[0] == [
        ("a", "b", [5, 1])
    ]


def test_a_contradiction_goes_to_the_side_with_more_votes(tmp_path: Path) -> None:
    kept, found = run([pair("b", "a"), pair("a", "b"), pair("a", "b")], tmp_path)
    assert kept == [("a", "b", [2, 1])]
    assert set_aside_counts(found)["contradictions"] == 2
    assert run([pair("b", "a", [4, 1]), pair("a", "b", [2, 1])], tmp_path)[0] == [
        ("b", "a", [5, 3])
    ]


def test_an_even_contradiction_is_set_aside_whole(tmp_path: Path) -> None:
    kept, found = run([pair("b", "a"), pair("a", "b"), pair("c", "d")], tmp_path)
    assert kept == [("c", "d", None)]
    assert len(list(set_aside_rows(found))) == 2


def test_every_row_is_either_kept_or_written_down(tmp_path: Path) -> None:
    items = [
        pair("a", "b"),
        SetAside("f", 1, "bad", "r"),
        pair("b", "a"),
        pair("e", "f"),
        SetAside("f", 4, "tie", "t"),
    ]
    kept, found = run(items, tmp_path)
    assert len(kept) + len(list(set_aside_rows(found))) == len(items)
    assert set_aside_counts(found) == {
        "rows": 5,
        "rows_bad": 1,
        "rows_contradictory": 0,
        "ties": 1,
        "duplicates": 0,
        "contradictions": 2,
    }


def test_alpha_is_that_of_the_judges_and_does_not_see_who_won(tmp_path: Path) -> None:
    """Two judges, ten items: six agreed on the first, three on the second, one split.

    Alpha by hand: coincidences o11 = 12, o22 = 6, o12 = o21 = 1; n1 = 13, n2 = 7, n = 20;
    alpha = 1 - 19 * 2 / (2 * 13 * 7) = 0.7912.
    """
    votes = [pair("a", "b", [2, 0], str(n)) for n in range(6)] + [
        pair("b", "a", [2, 0], f"x{n}") for n in range(3)
    ]
    _, found = run([*votes, pair("a", "b", [1, 1], "z")], tmp_path)
    assert round(agreement_metrics(found.index.votes())["krippendorff_alpha"], 4) == 0.7912


def test_votes_of_one_judge_each_give_no_alpha(tmp_path: Path) -> None:
    _, found = run([pair("a", "b", [1, 0]), pair("c", "d")], tmp_path)
    assert agreement_metrics(found.index.votes()) == {}


def test_stats_count_the_pairs_that_pass() -> None:
    pairs = [pair("long", "s"), pair("s", "long", prompt="p"), pair("as", "of")]
    stats = DataStats()
    assert list(stats.count(pairs)) == pairs
    metrics = stats.metrics()
    assert (metrics["pairs"], metrics["prompts"], metrics["longer_wins"]) == (3, 2, 0.5)
    json.dumps(metrics)
