"""Files of preferences into pairs with stable ids and groups."""

import json
from pathlib import Path

import pytest

from mlx_reward.errors import InputError
from mlx_reward.intake import Rejected, files, pairs
from mlx_reward.preferences import Pair, read_pairs

ROWS = [
    {"id": "own", "prompt": "q", "chosen": "a", "rejected": "b", "debate": "x"},
    {"prompt": "q", "responses": ["c", "d", "e"], "scores": [3, 2, 1], "debate": "y"},
    {"prompt": "q2", "chosen": "a", "rejected": "a"},
]


@pytest.fixture
def source(tmp_path: Path) -> str:
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(r) + "\n" for r in ROWS))
    return str(tmp_path / "mine.jsonl")


def test_ids_are_the_rows_own_or_their_place(source: str) -> None:
    found = list(pairs(source, group_by=None))
    assert [p.id for p in found if isinstance(p, Pair)] == ["own", "mine-2/0", "mine-2/1", "mine-2/2"]
    assert found[-1] == Rejected(source, 3, "chosen and rejected are equal")


def test_pairs_of_one_prompt_share_a_group(source: str) -> None:
    assert len({p.group for p in pairs(source, None) if isinstance(p, Pair)}) == 1


def test_group_by_names_a_field_and_its_absence_is_told(source: str) -> None:
    found = list(pairs(source, group_by="debate"))
    assert [p.group for p in found if isinstance(p, Pair)] == ["x", "y", "y", "y"]
    assert isinstance(found[-1], Rejected)


def test_a_folder_is_all_its_files_and_an_empty_one_is_refused(source: str, tmp_path: Path) -> None:
    assert files(str(tmp_path)) == [Path(source)]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: no .jsonl file in this folder"):
        files(str(tmp_path / "empty"))


def test_the_starter_set_by_name() -> None:
    assert len(list(pairs("starter", None))) == 6 * 320


def test_rows_round_trip(source: str, tmp_path: Path) -> None:
    first = next(p for p in pairs(source, None) if isinstance(p, Pair))
    (tmp_path / "out.jsonl").write_text(json.dumps(first.to_row()) + "\n")
    assert read_pairs(tmp_path / "out.jsonl") == [first]


def test_prompt_key_does_not_depend_on_the_form() -> None:
    text = Pair(prompt="q", chosen="a", rejected="b", id="1", group="g")
    messages = Pair(prompt=[{"role": "user", "content": "q"}], chosen="a", rejected="b", id="2", group="g")
    assert text.prompt_key == messages.prompt_key
