"""Repeated and contradicting pairs are resolved by vote; nothing is lost."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlx_reward.config.data import DataSettings
from mlx_reward.data.formats.convert import convert
from mlx_reward.data.formats.row import Judged
from mlx_reward.data.gather import Gathered, gather, refuse_if_bad, resolve, set_aside_rows
from mlx_reward.data.ingest import Item, SetAside, ingest
from mlx_reward.data.pair import Pair
from mlx_reward.data.ratings import Ratings
from mlx_reward.data.stats import DataStats, agreement_metrics, set_aside_counts
from mlx_reward.utils.errors import InputError

SETTINGS = DataSettings(
    source="f", format="auto", config=None, split=None, revision=None, max_bad_fraction=0.01
)


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


def test_a_repeated_pair_is_of_the_groups_of_all(tmp_path: Path) -> None:
    """Else pairs of group y, one of which was dropped, might go to another split."""
    grouped = [
        replace(pair("a", "b"), group="x"),
        replace(pair("a", "b"), group="y"),
        replace(pair("a", "c"), group="x"),
        replace(pair("a", "c"), group="x"),
        pair("d", "e"),
    ]
    _, found = run(list(grouped), tmp_path)
    assert [p.group for p in resolve(found)] == [["x", "y"], "x", None]


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


def tie(votes: tuple[int, int, int], prompt: str) -> SetAside:
    return SetAside("f", 0, "tie", "t", Judged(prompt, ("b", "a"), votes))


def alpha_of(rows: list[tuple[str, ...]]) -> float:
    """Krippendorff's alpha by its definition, over every two verdicts on one item."""
    of_two = sum(
        (x != y) / (len(row) - 1) for row in rows for x, y in itertools.permutations(row, 2)
    )
    everything = [verdict for row in rows for verdict in row]
    n = len(everything)
    expected = sum(x != y for x, y in itertools.permutations(everything, 2)) / (n - 1)
    return 1 - of_two / expected


def test_alpha_counts_the_items_on_which_judges_disagreed(tmp_path: Path) -> None:
    """Two judges, 60 items agreed and 40 split: 1.0 where ties were dropped before."""
    agreed = [pair("a", "b", [2, 0], f"x{n}") for n in range(35)]
    agreed += [pair("b", "a", [2, 0], f"y{n}") for n in range(25)]
    _, found = run([*agreed, *(tie((1, 1, 0), f"z{n}") for n in range(40))], tmp_path)
    metrics = agreement_metrics(found.index.votes())
    rows = [("a", "a")] * 35 + [("b", "b")] * 25 + [("a", "b")] * 40
    assert metrics["krippendorff_alpha"] == pytest.approx(alpha_of(rows))
    assert metrics["krippendorff_alpha"] < 0.25
    assert metrics["pairs_with_votes"] == 100


def test_alpha_counts_verdicts_for_neither_and_votes_against(tmp_path: Path) -> None:
    tied = Pair(prompt="p", chosen="b", rejected="a", id="x", votes=[2, 1], tied_votes=1)
    _, found = run([tied, pair("a", "b", [2, 0]), tie((2, 1, 0), "r")], tmp_path)
    rows = [("b", "b", "a", "tie"), ("a", "a"), ("b", "b", "a")]
    metrics = agreement_metrics(found.index.votes())
    assert metrics["krippendorff_alpha"] == pytest.approx(alpha_of(rows))


def test_alpha_counts_rows_of_single_judges_that_contradict_each_other(tmp_path: Path) -> None:
    both = [pair("a", "b"), pair("b", "a"), pair("a", "b", prompt="p"), pair("a", "b", prompt="p")]
    _, found = run([*both, pair("c", "d"), tie((0, 0, 1), "r")], tmp_path)
    metrics = agreement_metrics(found.index.votes())
    assert metrics["krippendorff_alpha"] == pytest.approx(alpha_of([("a", "b"), ("a", "a")]))


def test_copies_are_not_judges_who_agree(tmp_path: Path) -> None:
    copies = [pair("a", "b"), pair("a", "b"), pair("d", "c"), pair("d", "c")]
    _, found = run(copies, tmp_path)
    assert agreement_metrics(found.index.votes()) == {}


def test_rated_rows_are_counted_as_rows(tmp_path: Path) -> None:
    """400 rows of 100 prompts counted as 100, so that four lone ones stopped the run."""
    rows = [{"prompt": f"q{n % 99}", "response": f"r{n}", "helpfulness": n} for n in range(396)] + [
        {"prompt": f"lone {n}", "response": "r", "helpfulness": 1} for n in range(4)
    ]
    placed = ((("f", n), row) for n, row in enumerate(rows))
    with Ratings(tmp_path) as ratings:
        found = gather(ingest(placed, convert, None, ratings), tmp_path)
    assert (found.rows, found.bad_rows) == (400, 4)
    refuse_if_bad(found, SETTINGS)
    with pytest.raises(InputError, match="4 of 400 rows cannot be used"):
        refuse_if_bad(found, SETTINGS.model_copy(update={"max_bad_fraction": 0.009}))


def test_rows_that_contradict_themselves_are_limited_as_bad_ones_are(tmp_path: Path) -> None:
    row = {"prompt": "q", "chosen": "a", "rejected": "b", "score_chosen": 1, "score_rejected": 9}
    with Ratings(tmp_path) as ratings:
        found = gather(ingest(iter([(("f", 1), row)]), convert, None, ratings), tmp_path)
    assert set_aside_counts(found)["rows_contradictory"] == 1
    with pytest.raises(InputError, match="f, line 1: 'score_chosen' is less than 'score_rejected'"):
        refuse_if_bad(found, SETTINGS)


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
