"""DPO pairs and KTO rows out of scored candidates."""

from pathlib import Path
from typing import Any

import pytest

from mlx_reward.label_rows import label_rows
from mlx_reward.reward_model import RewardModel

ROW: dict[str, Any] = {"id": 7, "prompt": "q", "responses": ["a", "bb", "ccc", "dddd"]}


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> RewardModel:
    return RewardModel.load(checkpoints / "rm_model_bt")


def test_the_best_against_the_worst_is_one_dpo_pair(model: RewardModel) -> None:
    (pair,) = label_rows(model, [dict(ROW)], "dpo", "worst", 0.5)
    ranked = model.rank("q", ROW["responses"])
    assert (pair["id"], pair["prompt"], pair["chosen"], pair["rejected"]) == (7, "q", ranked[0].response, ranked[-1].response)
    assert pair["probability"] == pytest.approx(model.compare("q", pair["chosen"], pair["rejected"]), abs=1e-4)


def test_against_all_and_against_a_random_one(model: RewardModel) -> None:
    found = label_rows(model, [dict(ROW)], "dpo", "all", 0.5)
    assert len(found) == 3
    assert len({p["chosen"] for p in found}) == 1
    drawn = [label_rows(model, [dict(ROW)], "dpo", "random", 0.5) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert drawn[0][0]["rejected"] in {p["rejected"] for p in found}


def test_only_pairs_that_are_sure_enough_are_kept(model: RewardModel) -> None:
    found = label_rows(model, [dict(ROW)], "dpo", "all", 0.5)
    middle = sorted(p["probability"] for p in found)[1]
    assert len(label_rows(model, [dict(ROW)], "dpo", "all", middle)) == 2
    assert label_rows(model, [dict(ROW)], "dpo", "all", 1.0) == []


def test_kto_rows_hold_each_response_once_with_its_label(model: RewardModel) -> None:
    found = label_rows(model, [dict(ROW)], "kto", "all", 0.5)
    assert sorted(row["completion"] for row in found) == ROW["responses"]
    assert [row["completion"] for row in found if row["label"]] == [model.best_of_n("q", ROW["responses"])]
    assert set(found[0]) == {"prompt", "completion", "label", "reward", "probability"}


def test_equal_responses_are_no_pair_and_other_rows_are_told(model: RewardModel) -> None:
    assert label_rows(model, [{"prompt": "q", "responses": ["a", "a"]}], "dpo", "all", 0.5) == []
    (row,) = label_rows(model, [{"prompt": "q", "response": "a"}], "dpo", "all", 0.5)
    assert row["error"] == "field 'responses' is missing; labelling needs a list of them"
