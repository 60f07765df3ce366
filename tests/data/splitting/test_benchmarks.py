"""Prompts that split.exclude keeps out: read from preferences and from plain lists of prompts."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mlx_reward.data.pair import Prompt
from mlx_reward.data.splitting.benchmarks import read_prompts
from mlx_reward.utils.errors import InputError

USER = {"role": "user", "content": "q"}
ANSWER = {"role": "assistant", "content": "a"}


def prompts(folder: Path, *rows: dict[str, Any]) -> tuple[list[Prompt], int]:
    path = folder / "bench.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    unread: Counter[str] = Counter()
    return list(read_prompts(str(path), unread)), unread[str(path)]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "q"},
        {"question": "q", "category": "math"},
        {"prompt": "q", "chosen": ["a"], "rejected": ["b"]},
        {"prompt": "q", "response_a": "x", "response_b": "y", "winner": "tie"},
        {"prompt": "q", "response": "only one", "score": 3},
        {"prompt": "q", "responses": ["x", "y", "z"], "scores": [1, 2, 3]},
        {"prompt": "q", "chosen": "the same", "rejected": "the same"},
        {"turns": ["q", "and then?"]},
        {"turns": [{"content": "q"}]},
        {"data": {"prompt": "q", "answer1": "x", "answer2": "y"}, "id": 3},
        {"instruction": "q", "output": "a", "generator": "model"},
    ],
    ids=lambda row: "-".join(row),
)
def test_a_row_of_any_kind_gives_its_prompt(tmp_path: Path, row: dict[str, Any]) -> None:
    assert prompts(tmp_path, row) == (["q"], 0)


@pytest.mark.parametrize("name", ["prompt", "messages", "conversation_a"])
def test_a_conversation_counts_up_to_the_last_message_of_the_user(
    tmp_path: Path, name: str
) -> None:
    assert prompts(tmp_path, {name: [USER, ANSWER, USER, ANSWER]}) == ([[USER, ANSWER, USER]], 0)


def test_the_input_belongs_to_the_instruction(tmp_path: Path) -> None:
    found, _ = prompts(tmp_path, {"instruction": "Translate", "input": "Haus"})
    assert "Translate\nHaus" in found


def test_rows_without_a_prompt_are_counted(tmp_path: Path) -> None:
    rows = [{"id": 1}, {"prompt": "q"}, {"prompt": ""}, {"messages": [ANSWER]}]
    assert prompts(tmp_path, *rows) == (["q"], 3)


def test_a_file_that_yields_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"split.exclude: .*bench.jsonl: none of its 2 rows holds a prompt "
        r"\(columns: key, answer\); name the column 'prompt'",
    ):
        prompts(tmp_path, {"key": "x", "answer": "y"}, {"key": "z"})
    with pytest.raises(InputError, match="none of its 0 rows"):
        prompts(tmp_path)


def test_a_missing_file_is_told_by_its_setting() -> None:
    with pytest.raises(InputError, match="split.exclude: nowhere.jsonl: not there"):
        list(read_prompts("nowhere.jsonl", Counter()))
