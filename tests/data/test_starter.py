"""The starter set keeps the promises of its data card."""

import importlib.util
from collections import Counter
from pathlib import Path

from tests import ROOT

SPEC = importlib.util.spec_from_file_location("check", ROOT / "data" / "starter" / "check.py")
assert SPEC is not None
assert SPEC.loader is not None
check = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(check)
GROUPS = check.read_groups(sorted((ROOT / "data" / "starter").glob("*.jsonl")))


def test_rows_are_well_formed_and_enough() -> None:
    assert check.shape_problems(GROUPS) == []
    assert len(GROUPS) >= 320


def test_no_two_responses_share_eight_words() -> None:
    assert check.shared_ngrams(GROUPS) == []


def test_length_tells_nothing() -> None:
    assert 0.45 <= check.longer_wins(GROUPS) <= 0.55


def test_no_defect_dominates() -> None:
    defects = Counter(d for g in GROUPS for d in g["defects"][1:])
    assert max(defects.values()) <= 0.20 * defects.total()


def test_the_checks_can_fail(tmp_path: Path) -> None:
    """A shared phrase, a wrong length balance and a malformed row are seen."""
    phrase = "one two three four five six seven eight"
    bad = {
        "id": "x",
        "responses": [phrase, phrase + " nine", "c", "d"],
        "scores": [3, 2, 1],
        "defects": [None, "odd"],
    }
    assert len(check.shape_problems([bad, bad])) == 5
    assert check.shared_ngrams([bad]) == [f"x[0] and x[1] share: {phrase}"]
    assert check.longer_wins([bad]) == (4 + 0.5) / 6
