"""Ranking metrics against hand-worked groups."""

import numpy as np
import pytest

from mlx_reward.data.chat import Renderer
from mlx_reward.data.dataset import tokenize
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


def group(scores: list[float], rewards: list[float]) -> Group:
    return Group(np.array(scores, float), np.array(rewards, float))


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
    assert (mixed["spearman"], mixed["spearman_low"], mixed["groups"]) == (
        pytest.approx(1.0),
        pytest.approx(1.0),
        2,
    )


def test_pairs_of_ranked_groups_give_their_order_back() -> None:
    data = tokenize(pairs(9), Renderer(tiny.tokenizer(), 200))
    found = groups_of(data, np.zeros(len(data.texts)))
    assert [sorted(g.scores.tolist()) for g in found] == [[-2, 0, 2]] * 3
    perfect = np.bincount(data.chosen, minlength=len(data.texts)).astype(float)
    assert ranking_metrics(groups_of(data, perfect))["kendall"] == pytest.approx(1.0)
