"""Official rules of the benchmarks on hand-worked rewards."""

import json
from pathlib import Path

import numpy as np
import pytest

from mlx_reward.data.chat import Renderer
from mlx_reward.evaluation.benchmark_sets.measure import measure, names
from mlx_reward.evaluation.benchmark_sets.questions import Question, read_questions
from mlx_reward.evaluation.benchmark_sets.scores import benchmark_metrics
from mlx_reward.utils.errors import InputError
from tests import tiny
from tests.evaluation.benchmark_sets.random_scores import BENCHMARKS

OFFICIAL = json.loads(Path(__file__).with_name("official_scores.json").read_text())


def question(
    right: int,
    count: int,
    subset: str | None = None,
    id: str = "1",
    scores: list[float] | None = None,
) -> Question:
    return Question(
        id, f"prompt {id} {subset}", [f"r{i}" for i in range(count)], right, subset, scores
    )


def scored(*rows: tuple[Question, list[float]]) -> list[tuple[Question, np.ndarray]]:
    return [(asked, np.array(rewards)) for asked, rewards in rows]


def test_pairs_count_ties_one_half() -> None:
    found = benchmark_metrics(
        scored(
            (question(1, 2, "a"), [2, 1]),
            (question(1, 2, "a"), [1, 1]),
            (question(1, 2, "b"), [1, 2]),
        )
    )
    assert (found["kind"], found["accuracy"]) == ("pairs", 0.5)
    assert found["subsets"] == {"a": 0.75, "b": 0.0}


def test_reward_bench_weights_subsets_in_sections_and_sections_alike() -> None:
    """Chat: (100 * 1 + 28 * 0) / 128; Reasoning: math-prm weighs 984, one code subset 164.

    A tie is wrong.
    """
    found = benchmark_metrics(
        scored(
            (question(1, 2, "alpacaeval-easy"), [2, 1]),
            (question(1, 2, "mt-bench-easy"), [1, 1]),
            (question(1, 2, "math-prm"), [2, 1]),
            (question(1, 2, "hep-go"), [1, 2]),
        )
    )
    assert found["kind"] == "rewardbench"
    assert found["sections"] == {
        "Chat": pytest.approx(100 / 128),
        "Reasoning": pytest.approx(984 / 1148),
    }
    assert found["score"] == pytest.approx((100 / 128 + 984 / 1148) / 2)


def test_reward_bench_2_shares_the_point_between_the_best() -> None:
    """Ties by hand: accuracies 1 and 1; right ones spread over 1.

    The gap to the wrong ones is 2, and 0.5 with the reference's.
    """
    found = benchmark_metrics(
        scored(
            (question(1, 4, "Math"), [3, 1, 1, 1]),
            (question(1, 4, "Math"), [3, 3, 1, 1]),
            (question(1, 4, "Focus"), [1, 3, 1, 1]),
            (question(1, 3, "Ties", "ref:7"), [1.5, 1.0, 0.0]),
            (question(2, 4, "Ties", "tied:7"), [5.0, 4.0, 2.0, 1.0]),
        )
    )
    assert found["kind"] == "rewardbench2"
    ties = 0.3 + 0.3 + 0.2 * 1 + 0.2 * 0 + 0.01 * np.tanh(0.5 / 1 - 1)
    assert found["subsets"] == {"Math": 0.75, "Focus": 0.0, "Ties": pytest.approx(ties)}
    assert found["score"] == pytest.approx((0.75 + ties) / 3)


def test_rm_bench_has_a_matrix_of_styles() -> None:
    """A model that prefers what is fancier: easy pairs right, hard ones wrong.

    Equal styles are tied and so wrong.
    """
    found = benchmark_metrics(scored((question(3, 6, "chat"), [1, 2, 3, 1, 2, 3])))
    assert found["kind"] == "rm_bench"
    assert (found["easy"], found["normal"], found["hard"]) == (1.0, 0.0, 0.0)
    assert found["matrix"]["detailed"] == {"concise": 1.0, "detailed": 0.0, "markdown": 0.0}
    assert found["score"] == pytest.approx(1 / 3)
    assert found["subsets"]["chat"]["hard"] == 0.0


def test_rm_bench_of_a_constant_model_is_zero() -> None:
    found = benchmark_metrics(scored((question(3, 6, "chat"), [1] * 6)))
    assert found["score"] == 0.0


def test_one_of_several_right_responses_is_enough_outside_ties() -> None:
    """By hand: the second right one is best; of three best ones two are right; a wrong is best."""
    found = benchmark_metrics(
        scored(
            (question(2, 4, "own"), [1, 3, 2, 0]),
            (question(2, 4, "own"), [3, 3, 3, 0]),
            (question(2, 4, "own"), [1, 1, 2, 0]),
        )
    )
    assert found["score"] == pytest.approx((1 + 2 / 3 + 0) / 3)


@pytest.mark.parametrize("kind", BENCHMARKS)
def test_scores_equal_those_of_the_official_code(kind: str, tmp_path: Path) -> None:
    rows = BENCHMARKS[kind]()
    rewards = [reward for row in rows for reward in row.pop("rewards")]
    path = tmp_path / "set.json"
    path.write_text(json.dumps(rows))
    found = measure(str(path), Renderer(tiny.tokenizer(), 200), lambda *_: np.array(rewards))
    official = dict(OFFICIAL[kind])
    assert (found["kind"], found["unusable"]) == (kind, 0)
    if kind == "rm_bench":
        domains = {name: metrics["score"] for name, metrics in found["subsets"].items()}
        assert domains == pytest.approx(official.pop("domains"), abs=1e-12)
    for name, value in official.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name


def test_groups_are_ranked() -> None:
    found = benchmark_metrics(scored((question(0, 3, scores=[3, 2, 1]), [0.3, 0.2, 0.1])))
    assert (found["kind"], found["spearman"], found["best_of_n_regret"]) == (
        "groups",
        pytest.approx(1.0),
        0.0,
    )


ROWS = {
    "pairs": [{"prompt": "q", "chosen": "a", "rejected": "b", "subset": "s"}],
    "groups": [{"prompt": "q", "responses": ["a", "b", "c"], "scores": [1, 2, 3]}],
    "rewardbench": [{"prompt": "q", "chosen": "a", "rejected": "b", "subset": "donotanswer"}],
    "rewardbench2": [
        {"prompt": "q", "chosen": ["a"], "rejected": ["b", "c", "d"], "subset": "Focus", "id": "3"}
    ],
    "rm_bench": [
        {"prompt": "q", "chosen": ["a", "b", "c"], "rejected": ["d", "e", "f"], "domain": "math"}
    ],
}


@pytest.mark.parametrize("kind", ROWS)
def test_files_are_read_for_what_they_are_and_bad_rows_are_counted(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "set.v1.jsonl"
    bad = [{"prompt": "q"}, {"prompt": "q", "chosen": ["x" * 999], "rejected": ["y"]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS[kind] + bad))
    found = measure(
        str(path),
        Renderer(tiny.tokenizer(), 200),
        lambda texts: np.arange(len(texts), dtype=float),
    )
    assert (found["kind"], found["questions"], found["unusable"]) == (kind, 1, 2)
    assert found["unusable_first"].startswith(f"{path}, line 2: the columns prompt")


def test_a_question_of_ties_without_its_number_is_set_aside(tmp_path: Path) -> None:
    """Else those without one would take each other's place."""
    rows = [
        {"prompt": "q", "chosen": ["a"], "rejected": ["b", "c"], "subset": "Ties", "id": id}
        for id in ("ref:1", "tied:1", "17", "x:1", "ref:x")
    ]
    path = tmp_path / "set.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    questions, unusable = read_questions(str(path))
    assert [question.id for question in questions] == ["ref:1", "tied:1"]
    assert len(unusable) == 3
    assert "line 3: field 'id' is '17': in subset Ties it must be 'ref:N'" in unusable[0]


def test_files_of_one_stem_have_names_of_their_own() -> None:
    assert names(["data/set.v1.jsonl", "owner/other"]) == ["set", "other"]
    assert names(["a/test.jsonl", "b/test.jsonl", "c/set.json.gz"]) == [
        "a/test.jsonl",
        "b/test.jsonl",
        "set",
    ]


def test_a_file_without_questions_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text('{"prompt": "q"}\n')
    with pytest.raises(
        InputError,
        match=r"eval.benchmarks: .*empty.jsonl holds no question; its 1 rows cannot be used, such",
    ):
        read_questions(str(tmp_path / "empty.jsonl"))
    with pytest.raises(InputError, match=r"eval.benchmarks: .*not there"):
        read_questions(str(tmp_path / "nowhere.jsonl"))
