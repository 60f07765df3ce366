"""Probabilities are those of raw margins, whatever is done to the rewards beside them."""

import pytest

from mlx_reward.inference.label import Filters, label_rows
from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.inference.score import score_rows
from tests import ROOT

QUESTION = "q"
KEEP_ALL = Filters(min_probability=0.0)


@pytest.fixture(scope="module")
def ensemble() -> RewardModel:
    """Two models that disagree, so that a penalty changes margins."""
    return RewardModel.load(ROOT / "tests" / "fixtures" / "checkpoint_format_1" / "rm_model_bt")


@pytest.mark.parametrize("normalize", [None, "zscore", "sigmoid"])
@pytest.mark.parametrize("penalty", [0.0, 2.0])
def test_of_a_scored_pair(ensemble: RewardModel, normalize: None, penalty: float) -> None:
    pair = {"prompt": QUESTION, "chosen": "a", "rejected": "bb"}
    (plain,) = score_rows(ensemble, [dict(pair)])
    (row,) = score_rows(ensemble, [dict(pair)], normalize, penalty)
    changed = normalize is not None or penalty > 0
    assert (row["reward_chosen"] != plain["reward_chosen"]) == changed
    assert row["probability"] == pytest.approx(ensemble.compare(QUESTION, "a", "bb"), abs=1e-4)


@pytest.mark.parametrize("penalty", [0.0, 2.0, 50.0])
def test_of_a_labelled_pair(ensemble: RewardModel, penalty: float) -> None:
    row = {"prompt": QUESTION, "responses": ["a", "bb", "ccc"]}
    (pair,) = label_rows(ensemble, [row], "dpo", "worst", KEEP_ALL, penalty).rows
    assert pair["chosen"] == ensemble.best_of_n(QUESTION, row["responses"], penalty)  # type: ignore[arg-type]  # texts
    raw = ensemble.compare(QUESTION, pair["chosen"], pair["rejected"])
    assert pair["probability"] == pytest.approx(raw, abs=1e-4)
