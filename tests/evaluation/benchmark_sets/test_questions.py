"""A benchmark file's rows are read as training data are, doubtful numbers included."""

import json
from pathlib import Path

import pytest

from mlx_reward.evaluation.benchmark_sets.questions import read_questions


def test_a_number_is_read_by_the_whole_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row alone does not tell how 2 is meant; a negative number elsewhere in the file does."""
    file = tmp_path / "strengths.jsonl"
    rows = [
        {
            "prompt": f"q{n}",
            "response_a": "first",
            "response_b": "second",
            "preference_strength": strength,
        }
        for n, strength in enumerate([2, -1, 3])
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    questions, unusable = read_questions(str(file))
    assert [question.responses[0] for question in questions] == ["second", "first", "second"]
    assert unusable == []
    assert "'preference_strength' is read as" in capsys.readouterr().out
