"""Rows into pairs with stable ids and groups; rated responses grouped by prompt."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlx_reward.data.formats.convert import convert
from mlx_reward.data.ingest import SetAside, ingest
from mlx_reward.data.pair import Pair, as_messages, prompt_key, read_pairs
from mlx_reward.data.ratings import Ratings

ROWS = [
    {"id": "own", "prompt": "q", "chosen": "a", "rejected": "b", "debate": "x"},
    {"prompt": "q", "responses": ["c", "d", "e"], "scores": [3, 2, 1], "debate": "y"},
    {"prompt": "q2", "chosen": "a", "rejected": "a"},
]


def take(
    rows: list[dict[str, Any]], folder: Path, group_by: str | None = None
) -> list[Pair | SetAside]:
    def placed() -> Iterator[tuple[tuple[str, int], Any]]:
        yield from ((("deep/mine.jsonl", line), row) for line, row in enumerate(rows, 1))

    with Ratings(folder) as ratings:
        items = [item for _, item in ingest(placed(), convert, group_by, ratings)]
    assert items.count(None) == len(rows)
    return [item for item in items if item is not None]


def test_ids_are_the_rows_own_or_their_place(tmp_path: Path) -> None:
    found = take(ROWS, tmp_path)
    assert [p.id for p in found if isinstance(p, Pair)] == [
        "own",
        "mine-2/0",
        "mine-2/1",
        "mine-2/2",
    ]
    assert found[-1] == SetAside("deep/mine.jsonl", 3, "bad", "chosen and rejected are equal")


def test_group_by_names_a_field_and_its_absence_is_told(tmp_path: Path) -> None:
    found = take(ROWS, tmp_path, group_by="debate")
    assert [p.group for p in found if isinstance(p, Pair)] == ["x", "y", "y", "y"]
    (tmp_path / "b").mkdir()
    (missing,) = take([{"prompt": "q", "chosen": "a", "rejected": "b"}], tmp_path / "b", "debate")
    assert missing == SetAside(
        "deep/mine.jsonl", 1, "bad", "field 'debate', which split.group_by names, is missing"
    )


@pytest.mark.parametrize(
    "row",
    [
        ROWS[0] | {"subset": "half \ud800"},
        ROWS[0] | {"debate": "half \ud800"},
        ROWS[1] | {"defects": [None, "half \ud800", None]},
    ],
)
def test_fields_beside_the_texts_can_be_written_too(tmp_path: Path, row: dict[str, Any]) -> None:
    """Such a row was a traceback in the middle of the stage."""
    (found,) = take([row], tmp_path, group_by="debate")
    assert isinstance(found, SetAside)
    assert found.reason.endswith("holds bytes that are not UTF-8, or half a surrogate pair")


def test_the_reason_can_be_written_whatever_the_columns_are_called(tmp_path: Path) -> None:
    (found,) = take([{"half \ud800": 1}], tmp_path)
    assert isinstance(found, SetAside)
    assert "the columns half ? are no format" in found.reason


def test_group_by_looks_into_the_data_of_an_annotation_tool(tmp_path: Path) -> None:
    verdict = {"result": [{"type": "pairwise", "value": {"selected": "left"}}]}
    row = {
        "data": {"prompt": "q", "answer1": "a", "answer2": "b", "customer": 7},
        "annotations": [verdict],
    }
    (pair,) = take([row], tmp_path, group_by="customer")
    assert isinstance(pair, Pair)
    assert pair.group == "7"


def test_a_group_with_one_unusable_response_gives_no_pair_at_all(tmp_path: Path) -> None:
    found = take([{"prompt": "q", "responses": ["a", "b", ""], "scores": [3, 2, 1]}], tmp_path)
    assert [type(item) for item in found] == [SetAside]


def test_rated_responses_meet_wherever_they_stand(tmp_path: Path) -> None:
    rated = [
        ("q", "mid", 2),
        ("other", "x", 1),
        ("q", "top", 4),
        ("alone", "y", 3),
        ("other", "z", 1),
        ("q", "low", 0),
    ]
    rows = [{"prompt": p, "response": r, "helpfulness": h} for p, r, h in rated]
    found = take(rows, tmp_path)
    assert [(p.chosen, p.rejected) for p in found if isinstance(p, Pair)] == [
        ("top", "mid"),
        ("top", "low"),
        ("mid", "low"),
    ]
    assert [(r.line, r.kind) for r in found if isinstance(r, SetAside)] == [(2, "tie"), (4, "bad")]


def test_rated_responses_are_of_the_groups_of_all_their_rows(tmp_path: Path) -> None:
    rows = [
        {"prompt": prompt, "response": response, "score": score, "doc": doc}
        for prompt, response, score, doc in (
            ("q", "a", 1, "d2"),
            ("q", "b", 2, "d1"),
            ("z", "c", 1, "d2"),
            ("z", "d", 2, "d2"),
        )
    ]
    found = take(rows, tmp_path, group_by="doc")
    pairs = [item for item in found if isinstance(item, Pair)]
    assert [(p.prompt, p.group, p.groups) for p in pairs] == [
        ("q", ["d1", "d2"], ["d1", "d2"]),
        ("z", "d2", ["d2"]),
    ]


def test_no_two_pairs_have_one_id_and_the_files_own_is_kept(tmp_path: Path) -> None:
    """Repeated ids and files of one name put the wrong texts beside rewards."""
    pair = {"prompt": "q", "chosen": "a", "rejected": "b"}
    group = {"id": "7", "prompt": "q", "responses": ["c", "d", "e"], "scores": [3, 2, 1]}
    rows = [
        (("one/mine.jsonl", 1), pair | {"id": "7"}),
        (("one/mine.jsonl", 2), pair | {"id": "7"}),
        (("one/mine.jsonl", 3), pair),
        (("two/mine.jsonl", 3), pair),
        (("two/mine.jsonl", 4), pair | {"id": "mine-5"}),
        (("one/mine.jsonl", 5), pair),
        (("two/mine.jsonl", 6), group),
        (("two/mine.jsonl", 7), group),
    ]
    with Ratings(tmp_path) as ratings:
        items = [item for _, item in ingest(iter(rows), convert, None, ratings)]
    pairs = [item for item in items if isinstance(item, Pair)]
    assert [(p.id, p.source_id) for p in pairs] == [
        ("7", None),
        ("mine-2", "7"),
        ("mine-3", None),
        ("mine~2-3", None),
        ("mine-5", None),
        ("mine-5~", None),
        *((f"7/{n}", "7") for n in range(3)),
        *((f"mine~2-7/{n}", "7") for n in range(3)),
    ]


def test_rows_round_trip(tmp_path: Path) -> None:
    first = take(ROWS, tmp_path)[0]
    assert isinstance(first, Pair)
    (tmp_path / "out.jsonl").write_text(json.dumps(first.to_row()) + "\n")
    assert read_pairs(tmp_path / "out.jsonl") == [first]


def test_prompt_key_does_not_depend_on_the_form() -> None:
    text = Pair(prompt="q", chosen="a", rejected="b", id="1")
    messages = Pair(prompt=[{"role": "user", "content": "q"}], chosen="a", rejected="b", id="2")
    assert text.prompt_key == messages.prompt_key == prompt_key("q")
    assert prompt_key(as_messages("q")) != prompt_key("other")
