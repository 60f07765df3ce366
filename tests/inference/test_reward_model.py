"""RewardModel: the same reward alone and in a batch, ranking, calibrated comparison."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import mlx_reward
from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.utils.errors import InputError

PROMPTS = ["short?", "a rather longer question, is it not?", "short?"]
RESPONSES = ["yes", "no, and this goes on for a while", "perhaps"]


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> RewardModel:
    return RewardModel.load(checkpoints / "rm_model_bt")


def test_the_package_offers_it_by_name() -> None:
    assert mlx_reward.RewardModel is RewardModel
    with pytest.raises(AttributeError, match="no attribute 'RewardModle'"):
        _ = mlx_reward.RewardModle


def test_a_reward_does_not_depend_on_the_batch(model: RewardModel) -> None:
    """Scores that change with the batch are a frequent complaint about other libraries."""
    together = model.score(PROMPTS, RESPONSES)
    alone = [model.score([p], [r])[0] for p, r in zip(PROMPTS, RESPONSES, strict=True)]
    assert np.allclose(together, alone, atol=1e-4)
    assert len({round(x, 3) for x in alone}) == 3


def test_messages_and_texts_are_the_same_conversation(model: RewardModel) -> None:
    messages = [{"role": "user", "content": "short?"}, {"role": "assistant", "content": "yes"}]
    assert np.allclose(
        model.score_messages([messages]), model.score(["short?"], ["yes"]), atol=1e-5
    )
    assert np.allclose(
        model.score([messages[:1]], ["yes"]), model.score(["short?"], ["yes"]), atol=1e-5
    )


def test_ranking_and_the_best_of_n(model: RewardModel) -> None:
    ranked = model.rank("short?", RESPONSES)
    assert [r.reward for r in ranked] == sorted((r.reward for r in ranked), reverse=True)
    assert [RESPONSES[r.index] for r in ranked] == [r.response for r in ranked]
    assert model.best_of_n("short?", RESPONSES) == ranked[0].response


def test_comparison_is_calibrated_and_antisymmetric(model: RewardModel) -> None:
    first, second = model.score(["short?"] * 2, RESPONSES[:2])
    probability = model.compare("short?", *RESPONSES[:2])
    assert probability == pytest.approx(1 / (1 + np.exp(-(first - second) / 2.0)), abs=1e-5)
    assert probability + model.compare("short?", RESPONSES[1], RESPONSES[0]) == pytest.approx(1)


def test_normalization_is_by_the_training_rewards(model: RewardModel) -> None:
    raw = model.score(PROMPTS, RESPONSES)
    scaled = model.score(PROMPTS, RESPONSES, normalize="zscore")
    assert np.allclose(scaled, (raw - 0.5) / 2.0)
    assert np.allclose(
        model.score(PROMPTS, RESPONSES, normalize="sigmoid"), 1 / (1 + np.exp(-scaled))
    )


@pytest.mark.parametrize(
    ("prompts", "responses", "line"),
    [
        ("q", "r", "takes a list of prompts and a list of as many responses"),
        (["q"], ["r", "s"], "a list of as many responses"),
        (["q", ""], ["r", "s"], r"field 'prompt\[1\]' is empty"),
        (["q"], [None], r"field 'response\[0\]' is missing"),
        ([[{"role": "assistant", "content": "x"}]], ["r"], "does not end with the user"),
        (["q"], ["x" * 500], "the response alone is .* over max_seq_length 200"),
    ],
)
def test_wrong_input_is_one_line(
    model: RewardModel, prompts: list[str], responses: list[str], line: str
) -> None:
    with pytest.raises(InputError, match=line):
        model.score(prompts, responses)
    with pytest.raises(InputError, match="normalize is 'softmax'"):
        model.score(["q"], ["r"], normalize="softmax")  # type: ignore[arg-type]  # on purpose


def test_nothing_to_score(model: RewardModel) -> None:
    assert model.score([], []).shape == (0,)
    with pytest.raises(InputError, match="at least one response"):
        model.best_of_n("q", [])


def test_a_checkpoint_without_temperature_says_what_to_run(
    checkpoints: Path, tmp_path: Path
) -> None:
    for name in ("sft_merged_model", "rm_model_bt"):
        shutil.copytree(checkpoints / name, tmp_path / name)
    with pytest.raises(InputError, match="calibration.json: not there; run `dvc repro calibrate`"):
        RewardModel.load(tmp_path / "rm_model_bt")


def test_the_digest_is_that_of_the_weights(checkpoints: Path, model: RewardModel) -> None:
    assert RewardModel.load(checkpoints / "rm_model_bt").digest == model.digest
