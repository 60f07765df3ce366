"""Ranking metrics against hand-worked groups."""

from itertools import combinations, count

import numpy as np
import pytest

from mlx_reward.data.chat import Renderer
from mlx_reward.data.dataset import tokenize
from mlx_reward.data.pair import Pair
from mlx_reward.evaluation.ranking import (
    Group,
    groups_of,
    kendall,
    ndcg,
    ranking_metrics,
    regret,
    spearman,
)
from tests import tiny
from tests.toy import pairs

NUMBERS = count()


def group(scores: list[float], rewards: list[float]) -> Group:
    number = next(NUMBERS)
    return Group(np.array(scores, float), np.array(rewards, float), cluster=number)


def test_by_hand() -> None:
    """Ranks 1 2 3 4 against 2 1 3 4: Spearman 1 - 6 * 2 / (4 * 15) = 0.8, Kendall (5 - 1) / 6."""
    swapped = group([1, 2, 3, 4], [0.2, 0.1, 0.3, 0.4])
    assert spearman(swapped) == pytest.approx(0.8)
    assert kendall(swapped) == pytest.approx(4 / 6)
    order = group(
        [3, 1, 0], [0.1, 0.9, 0.5]
    )  # gains 1, 0, 3 in the order of rewards, ideally 3, 1, 0
    assert ndcg(order) == pytest.approx((1 + 3 / 2) / (3 + 1 / np.log2(3)))
    assert regret(order) == pytest.approx(2 / 3)
    assert regret(group([3, 1, 0], [0.9, 0.9, 0.5])) == pytest.approx(
        1 / 3
    )  # a tie between 3 and 1


def test_what_cannot_be_computed_is_none_and_counted() -> None:
    equal = [group([1, 1, 1], [1, 2, 3])]
    assert ranking_metrics(equal)["spearman"] is None
    assert ranking_metrics(equal)["groups"] == 1
    assert ranking_metrics([])["ndcg_low"] is None
    mixed = ranking_metrics([*equal, group([1, 2, 3], [1, 2, 3])])
    assert (mixed["spearman"], mixed["spearman_low"], mixed["groups"]) == (1.0, None, 2)


def test_a_model_that_says_nothing_of_a_group_has_ranked_it_by_chance() -> None:
    """Left out, nine groups without an answer would leave a perfect mean of one."""
    silent = [group([3, 2, 1], [0, 0, 0]) for _ in range(9)]
    found = ranking_metrics([group([3, 2, 1], [3, 2, 1]), *silent])
    assert found["spearman"] == pytest.approx(0.1)
    assert found["kendall"] == pytest.approx(0.1)


def test_groups_of_one_cluster_are_one_observation() -> None:
    apart = [group([1, 2, 3], [1, 2, 3][:: 1 - 2 * (n % 3 == 0)]) for n in range(120)]
    together = [Group(g.scores, g.rewards, cluster=n // 5) for n, g in enumerate(apart)]
    wide, narrow = ranking_metrics(together), ranking_metrics(apart)
    assert wide["spearman"] == narrow["spearman"]
    assert ranking_metrics(together[:115])["spearman_low"] is None  # of 23 clusters
    assert wide["spearman_low"] is not None


def test_pairs_of_ranked_groups_give_their_order_back() -> None:
    data = tokenize(pairs(9), Renderer(tiny.tokenizer(), 200))
    found = groups_of(data, np.zeros(len(data.texts)))
    for g in found:
        low, middle, high = sorted(g.scores.tolist())
        assert (middle, high) == (pytest.approx(0, abs=1e-8), pytest.approx(-low))
        assert high > 1
    perfect = np.bincount(data.chosen, minlength=len(data.texts)).astype(float)
    assert ranking_metrics(groups_of(data, perfect))["kendall"] == pytest.approx(1.0)


def compared(*comparisons: tuple[str, str], **fields: float) -> list[Group]:
    """The groups of comparisons (better, worse) of one prompt, with rewards of 0."""
    rows = [Pair("q", a, b, id=f"{a}{b}", **fields) for a, b in comparisons]  # type: ignore[arg-type]
    data = tokenize(rows, Renderer(tiny.tokenizer(), 200))
    return groups_of(data, np.zeros(len(data.texts)))


def test_responses_that_no_comparison_links_are_not_ranked() -> None:
    assert compared(("a", "b"), ("c", "d")) == []
    assert [len(g.scores) for g in compared(("a", "b"), ("b", "c"), ("d", "e"))] == [3]
    assert compared(("a", "b"), ("c", "x" * 900)) == []  # the second pair does not fit


def test_too_few_comparisons_make_no_ranking() -> None:
    """A perfect model of 40 responses had a Spearman of 0.68 against 40 comparisons of them."""
    assert [g.is_ranking for g in compared(("a", "b"), ("a", "c"), ("a", "d"))] == [False]
    assert [g.is_ranking for g in compared(("a", "b"), ("a", "c"))] == [True]


def test_a_model_that_agrees_with_every_comparison_ranks_nearly_as_they_do() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        quality = {f"r{n:02d}": float(q) for n, q in enumerate(rng.permutation(12))}
        every = list(combinations(sorted(quality, key=lambda r: -quality[r]), 2))
        drawn = [every[i] for i in rng.permutation(len(every))[:40]]
        rows = [Pair("q", a, b, id=a + b) for a, b in drawn]
        data = tokenize(rows, Renderer(tiny.tokenizer(), 200))
        rewards = np.zeros(len(data.texts))
        for (better, worse), chosen, rejected in zip(
            drawn, data.chosen, data.rejected, strict=True
        ):
            rewards[chosen], rewards[rejected] = quality[better], quality[worse]
        (found,) = groups_of(data, rewards)
        assert found.is_ranking
        assert spearman(found) > 0.9
        assert regret(found) < 0.25


def test_the_scores_of_a_ranked_list_are_kept() -> None:
    """Wins less losses would be 2, 0, -2: no best response by far."""
    scores = {"a": 9.0, "b": 2.0, "c": 1.0}
    rows = [
        Pair("q", x, y, id=x + y, score_chosen=scores[x], score_rejected=scores[y])
        for x, y in combinations("abc", 2)
    ]
    data = tokenize(rows, Renderer(tiny.tokenizer(), 200))
    (found,) = groups_of(data, np.zeros(3))
    assert sorted(found.scores.tolist()) == [1.0, 2.0, 9.0]
    again = Pair("q", "b", "c", id="again", score_chosen=7.0, score_rejected=1.0)
    other = tokenize([*rows, again], Renderer(tiny.tokenizer(), 200))
    (mixed,) = groups_of(other, np.zeros(3))  # two lists disagree on the score of b
    assert 9.0 not in mixed.scores.tolist()
