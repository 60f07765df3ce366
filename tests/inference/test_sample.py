"""Sampling fills rows with responses that the reward model can then rank."""

from pathlib import Path

import pytest

from mlx_reward.data.formats.row import BadRow
from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.inference.sample import Sampler
from mlx_reward.inference.score import rank_rows


@pytest.fixture(scope="module")
def rows(checkpoints: Path) -> list[dict[str, object]]:
    sampler = Sampler(
        checkpoints / "sft_merged_model",
        count=3,
        max_tokens=6,
        temperature=1.0,
        top_p=0.95,
        seed=0,
    )
    source = [
        {"prompt": "one?", "id": 7},
        BadRow("not JSON"),
        {"prompt": ""},
        {"prompt": [{"role": "user", "content": "two?"}]},
    ]
    first = sampler.rows(source)
    again = sampler.rows(source)
    assert first == again  # the seed is the same
    return first


def test_rows_keep_their_order_and_fields(rows: list[dict[str, object]]) -> None:
    assert rows[0]["id"] == 7
    assert [row.get("error") for row in rows] == [None, "not JSON", "field 'prompt' is empty", None]
    assert all(1 <= len(row["responses"]) <= 3 for row in (rows[0], rows[3]))  # type: ignore[arg-type]  # lists
    assert len(set(rows[0]["responses"])) > 1  # type: ignore[call-overload]  # a list


def test_best_of_n_runs_from_end_to_end(rows: list[dict[str, object]], checkpoints: Path) -> None:
    ranked = rank_rows(RewardModel.load(checkpoints / "rm_model_bt"), [rows[0]])
    assert ranked[0]["rewards"] == sorted(ranked[0]["rewards"], reverse=True)
