"""The next starter set keeps the promises of its data card, and its check can fail."""

import importlib.util
from typing import Any

import pytest

from tests import ROOT

FOLDER = ROOT / "data" / "starter_next"
SPEC = importlib.util.spec_from_file_location("check_next", FOLDER / "check.py")
assert SPEC is not None
assert SPEC.loader is not None
check: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(check)
ROWS = check.read_rows(sorted(FOLDER.glob("*.jsonl")))

ROW = {
    "id": "x",
    "responses": ["a", "b", "c", "d"],
    "scores": [4, 2, 1, 0],
    "defects": [None, "vague", "wrong", "unsafe"],
}


def test_rows_follow_the_rubric() -> None:
    assert check.shape_problems(ROWS) == []
    assert len(ROWS) == 480


def test_no_two_responses_share_eight_words() -> None:
    assert check.shared_ngrams(ROWS) == []


def test_half_of_the_rows_have_a_second_good_answer() -> None:
    count = sum("second_best" in row["defects"] for row in ROWS)
    assert 0.45 <= count / len(ROWS) <= 0.55


def test_few_responses_begin_alike() -> None:
    assert check.shared_openings(ROWS) < 0.12
    assert check.shared_openings([ROW | {"responses": ["It is so", "it is so!", "c", "d"]}]) == 0.5


def test_style_tells_little() -> None:
    assert 0.47 <= check.longer_wins(ROWS) <= 0.53
    assert check.predictability(ROWS, check.style) < 0.62
    assert check.predictability(ROWS, check.words) < 0.62


def test_a_giveaway_of_style_is_seen() -> None:
    """An exclamation mark behind every good answer is found, though it is one feature of many."""
    told = [
        row
        | {
            "responses": [
                f"{r}!" if s >= 3 else r
                for r, s in zip(row["responses"], row["scores"], strict=True)
            ]
        }
        for row in ROWS
    ]
    assert check.predictability(told, check.style) > 0.8


@pytest.mark.parametrize(
    "change",
    [
        {"responses": ["a", "a", "c", "d"]},
        {"scores": [4, 1, 2, 0]},
        {"defects": [None, "odd", "wrong", "unsafe"]},
        {"scores": [4, 2, 2, 1], "defects": [None, "vague", "rude", "padded"]},
    ],
)
def test_a_malformed_row_is_named(change: dict[str, object]) -> None:
    assert check.shape_problems([ROW]) == []
    (problem,) = check.shape_problems([ROW | change])
    assert problem.startswith("x: ")
