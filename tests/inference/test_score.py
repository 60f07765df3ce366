"""Rewards for rows of every shape that ``data.source`` reads."""

from pathlib import Path
from typing import Any

import pytest

from mlx_reward.inference.filter import keep_share
from mlx_reward.inference.label import Filters, label_rows
from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.inference.score import rank_rows, score_rows
from mlx_reward.utils.files import read_jsonl, write_jsonl
from tests.data.formats.shapes import GOOD, SHAPES, Q

MANY = {"prompt": "q", "chosen": ["good", "fine"], "rejected": ["bad"]}
PARTS = [{"type": "text", "text": "go"}, {"type": "text", "text": "od"}]


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> RewardModel:
    return RewardModel.load(checkpoints / "rm_model_bt")


# Of the others, one row is one response, or several pairs: the next tests have them.
TWO_RESPONSES = [name for name, (format, _) in SHAPES.items() if format not in ("rated", "many")]


@pytest.mark.parametrize("shape", TWO_RESPONSES)
def test_a_preference_of_any_format_is_scored_as_it_is_read(model: RewardModel, shape: str) -> None:
    """All of SHAPES say that to q, "good" is better than "bad"."""
    _, row = SHAPES[shape]
    good, bad = model.score(["q", "q"], ["good", "bad"])
    (scored,) = score_rows(model, [row])
    assert "error" not in scored, scored
    if "rewards" in scored:
        assert sorted(scored["rewards"]) == pytest.approx(sorted([good, bad]), abs=1e-4)
        assert len(scored["responses"]) == 2
    else:
        assert scored["reward_chosen"] == pytest.approx(good, abs=1e-4)
        assert scored["reward_rejected"] == pytest.approx(bad, abs=1e-4)
        assert scored["probability"] == pytest.approx(model.compare("q", "good", "bad"), abs=1e-4)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "q", "response": "good", "helpfulness": 4},
        {"question": "q", "response": "good"},
        {"prompt": [Q], "completion": [GOOD]},
        {"messages": [Q, GOOD]},
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "good"}]},
        {"prompt": "q", "response": [{"role": "assistant", "content": PARTS}]},
        {"messages": [Q, {"role": "assistant", "content": PARTS}]},
    ],
)
def test_one_response_in_any_spelling(model: RewardModel, row: dict[str, Any]) -> None:
    (scored,) = score_rows(model, [row])
    assert scored["reward"] == pytest.approx(model.score(["q"], ["good"])[0], abs=1e-4)
    assert scored == row | {"reward": scored["reward"]}


def test_lists_of_right_and_wrong_responses_get_lists(model: RewardModel) -> None:
    (scored,) = score_rows(model, [MANY])
    expected = model.score(["q"] * 3, ["good", "fine", "bad"])
    assert scored["reward_chosen"] == pytest.approx(expected[:2], abs=1e-4)
    assert scored["reward_rejected"] == pytest.approx(expected[2:], abs=1e-4)
    assert "probability" not in scored


def test_the_system_message_counts_and_labels_keep_it(model: RewardModel) -> None:
    row = {
        "system": "Be brief.",
        "question": "q",
        "answers": [{"answer": "good"}, {"answer": "no"}],
    }
    prompt = [{"role": "system", "content": "Be brief."}, Q]
    (scored,) = score_rows(model, [row])
    assert scored["rewards"] == pytest.approx(model.score([prompt] * 2, ["good", "no"]), abs=1e-4)
    (pair,) = label_rows(model, [row], "dpo", "worst", Filters()).rows
    assert pair["prompt"] == prompt
    assert {pair["chosen"], pair["rejected"]} == {"good", "no"}
    (ranked,) = rank_rows(model, [row])
    assert ranked["rewards"] == sorted(scored["rewards"], reverse=True)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "q"}, "field 'response' is missing; a row needs"),
        ({"colour": "red"}, "field 'prompt' is missing; a row needs"),
        ({"prompt": "q", "chosen": "a"}, "field 'rejected' is missing"),
        ({"query": "q", "question": "r", "response": "a"}, "may both be the prompt"),
    ],
)
def test_a_row_of_no_shape_says_what_it_lacks(
    model: RewardModel, row: dict[str, Any], reason: str
) -> None:
    (scored,) = score_rows(model, [row])
    assert reason in scored["error"]


def test_what_score_writes_is_what_filter_reads(model: RewardModel, tmp_path: Path) -> None:
    """A row with several responses counts by its best."""
    lists = [["good", "bad"], ["fine"], ["no", "yes", "perhaps"], ["x"]]
    scored = score_rows(model, [{"prompt": "q", "responses": texts} for texts in lists])
    write_jsonl(tmp_path / "scored.jsonl", scored)
    counts = keep_share(tmp_path / "scored.jsonl", tmp_path / "kept.jsonl", "reward", "top", 0.5)
    assert counts == (2, 4, 0)
    best = sorted((max(row["rewards"]) for row in scored), reverse=True)[:2]
    assert sorted(max(row["rewards"]) for row in read_jsonl(tmp_path / "kept.jsonl")) == best[::-1]
