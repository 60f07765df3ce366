"""RewardModel: the same reward alone and in a batch, ranking, calibrated comparison."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mlx_reward
from mlx_reward.inference.reward_model import NotFinite, RewardModel
from mlx_reward.inference.rl import reward_function
from mlx_reward.utils.errors import InputError
from tests import ROOT

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


def test_ranking_has_the_shape_of_a_cross_encoder(model: RewardModel) -> None:
    """CrossEncoder.rank of sentence-transformers: a list of {"corpus_id", "score", "text"}."""
    ranked = model.rank("short?", RESPONSES, return_documents=True)
    assert [set(place) for place in ranked] == [{"corpus_id", "score", "text"}] * 3
    assert [r["score"] for r in ranked] == sorted((r["score"] for r in ranked), reverse=True)
    assert [RESPONSES[r["corpus_id"]] for r in ranked] == [r["text"] for r in ranked]
    assert model.best_of_n("short?", RESPONSES) == ranked[0]["text"]
    (first,) = model.rank(query="short?", documents=RESPONSES, top_k=1)
    assert first == {
        "corpus_id": ranked[0]["corpus_id"],
        "score": pytest.approx(ranked[0]["score"]),
    }


def test_predict_takes_pairs_as_a_cross_encoder_does(model: RewardModel) -> None:
    expected = model.score(PROMPTS, RESPONSES)
    pairs = list(zip(PROMPTS, RESPONSES, strict=True))
    assert model.predict(pairs) == pytest.approx(expected, abs=1e-4)
    assert model.predict([list(pair) for pair in pairs]) == pytest.approx(expected, abs=1e-4)
    alone = model.predict(pairs[1])
    assert isinstance(alone, float)
    assert alone == pytest.approx(expected[1], abs=1e-4)
    messages = [{"role": "user", "content": PROMPTS[0]}]
    assert model.predict([(messages, RESPONSES[0])]) == pytest.approx(expected[:1], abs=1e-4)


def test_two_pairs_are_never_taken_for_one(model: RewardModel) -> None:
    pairs = [("q", "yes"), ("r", "no")]
    assert model.predict(pairs) == pytest.approx(model.score(["q", "r"], ["yes", "no"]), abs=1e-4)


def test_the_model_is_callable_in_batches_of_any_size(
    model: RewardModel, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = model.score(PROMPTS, RESPONSES)
    assert model(PROMPTS, RESPONSES, batch_size=2) == pytest.approx(expected, abs=1e-4)
    assert capsys.readouterr().err == ""  # no terminal
    model(PROMPTS, RESPONSES, show_progress=True)
    assert "/3" in capsys.readouterr().err
    with pytest.raises(InputError, match="batch_size is 0"):
        model(PROMPTS, RESPONSES, batch_size=0)


def test_completions_are_taken_as_trl_passes_them(model: RewardModel) -> None:
    completions = [[{"role": "assistant", "content": response}] for response in RESPONSES]
    assert model.score(PROMPTS, completions) == pytest.approx(
        model.score(PROMPTS, RESPONSES), abs=1e-4
    )
    assert model.best_of_n("short?", completions) in completions


def test_it_says_what_it_is(model: RewardModel) -> None:
    assert repr(model) == (
        "RewardModel(base='checkpoints/sft_merged_model', members=1, max_seq_length=200, "
        "temperature=2)"
    )


def test_from_pretrained_finds_the_checkpoint_and_its_calibration(
    checkpoints: Path, tmp_path: Path, model: RewardModel
) -> None:
    """In a folder that is a checkpoint, holds one, or is one that was copied with all it needs."""
    expected = model.score(PROMPTS, RESPONSES)
    whole = tmp_path / "whole"
    shutil.copytree(checkpoints / "rm_model_bt", whole)
    shutil.copy(checkpoints / "calibration.json", whole)
    base = checkpoints / "sft_merged_model"
    for name, given in ((checkpoints, None), (checkpoints / "rm_model_bt", None), (whole, base)):
        found = RewardModel.from_pretrained(name, base=given)
        assert found.score(PROMPTS, RESPONSES) == pytest.approx(expected, abs=1e-4)
        assert found.calibrator == model.calibrator
    for folder, reason in ((tmp_path, "it holds no reward_config.json"), ("a/b/c", "not there")):
        with pytest.raises(InputError, match=reason):
            RewardModel.from_pretrained(folder)


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
        ("q", "r", "prompts is str, not a list of them"),
        (["q"], "r", "responses is str, not a list of them"),
        (None, ["r"], "prompts is NoneType, not a list of them"),
        (["q"], {"role": "user"}, "responses is dict, not a list of them"),
        (["q"], ["r", "s"], "1 prompts and 2 responses: pass as many of each"),
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


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda m: m.rank("q", "abc"), "documents is str"),
        (lambda m: m.best_of_n("q", "abc"), "responses is str"),
        (lambda m: m.predict([("q", "a"), ("q",)]), r"pairs\[1\] is not \(prompt, response\)"),
        (lambda m: m.predict([("q", "a", "b")]), r"pairs\[0\] is not"),
        (lambda m: m.predict("q"), "pairs is str"),
        (lambda m: m.score_messages({"role": "user"}), "conversations is dict"),
        (
            lambda m: m.score_messages([{"role": "user"}]),
            r"'conversations\[0\]' is dict, not a list",
        ),
    ],
)
def test_a_wrong_shape_gets_a_sentence(
    model: RewardModel, call: Callable[[RewardModel], object], line: str
) -> None:
    with pytest.raises(InputError, match=line):
        call(model)


def test_nothing_to_score(model: RewardModel) -> None:
    assert model.score([], []).shape == (0,)
    assert model.predict([]).shape == (0,)  # type: ignore[union-attr]  # an array
    assert model.rank("q", []) == []
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


@pytest.mark.parametrize("penalty", [float("nan"), float("inf"), 1e308, -1.0, 10**400, "1", True])
def test_a_penalty_that_leaves_no_reward_is_refused(model: RewardModel, penalty: float) -> None:
    doors = [
        lambda: model.score(["q"], ["a"], uncertainty_penalty=penalty),
        lambda: model.rank("q", ["a"], uncertainty_penalty=penalty),
        lambda: model.best_of_n("q", ["a"], penalty),
        lambda: reward_function(model, uncertainty_penalty=penalty),
    ]
    for door in doors:
        with pytest.raises(InputError, match="uncertainty_penalty is .*: not a number from 0"):
            door()


def test_a_model_without_a_finite_reward_says_so(checkpoints: Path) -> None:
    """Weights that are finite each can still overflow together."""
    broken = RewardModel.load(checkpoints / "rm_model_bt")
    head = broken.ensemble.engines[0].network.head
    head.weight = head.weight * 1e38
    with pytest.raises(NotFinite, match="no finite reward"):
        broken.score(["q"], ["a"])


def test_a_calibration_that_is_not_finite_is_refused(checkpoints: Path, tmp_path: Path) -> None:
    copy = tmp_path / "checkpoints"
    shutil.copytree(checkpoints, copy)
    (copy / "calibration.json").write_text(json.dumps({"temperature": float("nan")}))
    with pytest.raises(InputError, match="calibration: temperature: .*finite"):
        RewardModel.load(copy / "rm_model_bt")


FORKED = """
import os, sys
from mlx_reward import InputError, RewardModel

def fork(work):
    if os.fork() == 0:
        try:
            print(work(), flush=True)
        except InputError as error:
            print(error, flush=True)
        os._exit(0)
    os.wait()

load = lambda: RewardModel.load(sys.argv[1])
score = lambda model: model.score(["q"], ["a"]).shape
fork(lambda: score(load()))
model = load()
fork(lambda: score(model))
fork(lambda: score(load()))
"""


def test_a_fork_after_load_is_an_error_that_says_spawn(checkpoints: Path) -> None:
    """It waited for ever: multiprocessing forks by default on Linux."""
    process = subprocess.Popen(
        [sys.executable, "-c", FORKED, str(checkpoints / "rm_model_bt")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # the child too
    before, used, anew = printed.splitlines()
    assert before == "(1,)"
    assert "get_context('spawn')" in used
    assert "get_context('spawn')" in anew


def test_win_probabilities_are_against_the_best_of_the_others(model: RewardModel) -> None:
    rewards = np.array([1.0, 4.0, 2.0])
    expected = [model.probability(margin) for margin in (1.0 - 4.0, 4.0 - 2.0, 2.0 - 4.0)]
    assert model.win_probabilities(rewards) == pytest.approx(expected)
    assert model.win_probabilities(np.array([3.0, 3.0])) == pytest.approx([0.5, 0.5])
    assert model.win_probabilities(rewards[:1]).tolist() == [1.0]
