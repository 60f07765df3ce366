"""DPO pairs, KTO and SFT rows out of scored responses."""

from pathlib import Path
from typing import Any

import pytest

from mlx_reward.inference.label import Filters, label_rows
from mlx_reward.inference.reward_model import RewardModel

ROW: dict[str, Any] = {"id": 7, "prompt": "q", "responses": ["a", "bb", "ccc", "dddd"]}
KEEP_ALL = Filters()


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> RewardModel:
    return RewardModel.load(checkpoints / "rm_model_bt")


def test_the_best_against_the_worst_is_one_dpo_pair(model: RewardModel) -> None:
    (pair,) = label_rows(model, [dict(ROW)], "dpo", "worst", KEEP_ALL).rows
    ranked = model.rank("q", ROW["responses"], return_documents=True)
    assert (pair["id"], pair["prompt"]) == (7, "q")
    assert pair["chosen"] == ranked[0]["text"]
    assert pair["rejected"] == ranked[-1]["text"]
    assert pair["probability"] == pytest.approx(
        model.compare("q", pair["chosen"], pair["rejected"]), abs=1e-4
    )


def test_against_all_and_against_a_random_one(model: RewardModel) -> None:
    pairs = label_rows(model, [dict(ROW)], "dpo", "all", KEEP_ALL).rows
    assert len(pairs) == 3
    assert len({p["chosen"] for p in pairs}) == 1
    drawn = [label_rows(model, [dict(ROW)], "dpo", "random", KEEP_ALL).rows for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert drawn[0][0]["rejected"] in {p["rejected"] for p in pairs}


def test_only_pairs_that_are_sure_enough_are_kept(model: RewardModel) -> None:
    pairs = label_rows(model, [dict(ROW)], "dpo", "all", KEEP_ALL).rows
    middle = sorted(p["probability"] for p in pairs)[1]
    assert len(label_rows(model, [dict(ROW)], "dpo", "all", Filters(middle)).rows) == 2
    assert label_rows(model, [dict(ROW)], "dpo", "all", Filters(1.0)).rows == []


def test_kto_rows_hold_each_response_once_with_its_label(model: RewardModel) -> None:
    rows = label_rows(model, [dict(ROW)], "kto", "all", KEEP_ALL).rows
    assert sorted(row["completion"] for row in rows) == ROW["responses"]
    wanted = [row["completion"] for row in rows if row["label"]]
    assert wanted == [model.best_of_n("q", ROW["responses"])]
    assert set(rows[0]) == {"id", "prompt", "completion", "label", "reward", "probability"}


def test_equal_responses_are_no_pair_and_other_rows_get_an_error(model: RewardModel) -> None:
    assert (
        label_rows(model, [{"prompt": "q", "responses": ["a", "a"]}], "dpo", "all", KEEP_ALL).rows
        == []
    )
    (row,) = label_rows(model, [{"prompt": "q", "response": "a"}], "dpo", "all", KEEP_ALL).rows
    assert row["error"] == "field 'responses' is missing; labelling needs a list of them"


def test_sft_rows_are_the_best_responses_as_text_or_conversation(model: RewardModel) -> None:
    """Rejection sampling: TRL and mlx-lm read prompt and completion, or messages."""
    (row,) = label_rows(model, [dict(ROW)], "sft", "all", KEEP_ALL).rows
    assert (row["prompt"], row["completion"]) == ("q", model.best_of_n("q", ROW["responses"]))
    messages = [{"role": "user", "content": "q"}]
    (conversation,) = label_rows(model, [ROW | {"prompt": messages}], "sft", "worst", KEEP_ALL).rows
    assert [m["role"] for m in conversation["messages"]] == ["user", "assistant"]
    assert conversation["messages"][1]["content"] == row["completion"]
    assert conversation.keys() == {"id", "messages", "reward", "probability"}


def test_pairs_of_unlike_length_can_be_left_out(model: RewardModel) -> None:
    """A policy must not learn length from its labels."""
    pairs = label_rows(model, [dict(ROW)], "dpo", "all", KEEP_ALL).rows
    kept = label_rows(model, [dict(ROW)], "dpo", "all", Filters(max_length_ratio=2.0)).rows
    lengths = [sorted((len(pair["chosen"]), len(pair["rejected"]))) for pair in pairs]
    assert kept == [
        pair
        for pair, (shorter, longer) in zip(pairs, lengths, strict=True)
        if longer <= 2 * shorter
    ]
    assert 0 < len(kept) < len(pairs)
