"""Verdicts that are bare numbers: the whole source says how they are read, or it is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlx_reward.data.doubtful import settle
from mlx_reward.data.formats.columns import rename
from mlx_reward.data.formats.convert import convert
from mlx_reward.data.formats.row import BadRow
from mlx_reward.data.ingest import SetAside, ingest
from mlx_reward.data.pair import Pair
from mlx_reward.data.ratings import Ratings
from mlx_reward.utils.errors import InputError


def chosen(
    folder: Path, field: str, values: list[Any], columns: dict[str, str] | None = None,
    sides: tuple[str, str] = ("response_a", "response_b"), **more: Any,
) -> list[str]:  # fmt: skip
    """Which response each row of a source chooses: "first", "second", or why it gives no pair."""
    rows: list[Any] = [
        {"prompt": f"q{n}", sides[0]: "first", sides[1]: "second", field: value, **more}
        for n, value in enumerate(values)
    ]

    def placed() -> Iterator[tuple[tuple[str, int], Any]]:
        yield from ((("mine.jsonl", line), row) for line, row in enumerate(rows, 1))

    with Ratings(folder) as ratings:
        found = ingest(rename(placed(), columns or {}), convert, None, ratings)
        items = [item for _, item in found]
    return [
        item.chosen if isinstance(item, Pair) else item.kind for item in items if item is not None
    ]


def test_a_signed_strength_shows_a_negative_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chosen(tmp_path, "preference_strength", [2, -1, 0, 3]) == [
        "second",
        "first",
        "tie",
        "second",
    ]
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("'preference_strength' is read as 'signed_preference'")
    assert len(told) == 4
    assert told[1] == (
        "  mine.jsonl, line 1: preference_strength 2, response_a 'first', response_b 'second' "
        "-> response_b"
    )


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("preference_strength", [1, 2, 3]),  # a strength without a direction
        ("overall_preference", [1, 7, 4]),  # Likert, whose ends nobody names
        ("label", [0, 1, 1]),  # from 0, or whether the first is better
        ("label", [1, 1, 1]),
        ("label", [True, False]),
        ("preference", ["1", "0"]),
        ("label", [1, 2, 3]),
        ("label", [-1, 1]),
    ],
)
def test_an_unclear_number_stops_the_source_with_three_rows(
    tmp_path: Path, field: str, values: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=rf"mine.jsonl, line 1: '{field}' is a number") as caught:
        chosen(tmp_path, field, values)
    assert "\n" not in str(caught.value)
    assert f"data.columns: {{{field}: NAME}}" in str(caught.value)
    assert 1 <= capsys.readouterr().out.count("-> ?") <= 3


def test_counting_from_one_shows_a_two(tmp_path: Path) -> None:
    assert chosen(tmp_path, "label", [1, 2, 0, "2"]) == ["first", "second", "tie", "second"]


def test_the_number_of_a_field_names_it(tmp_path: Path) -> None:
    assert chosen(tmp_path, "winner", [1, 1], sides=("response_1", "response_2")) == ["first"] * 2
    (tmp_path / "b").mkdir()
    assert chosen(tmp_path / "b", "label", [1, 0], sides=("response_0", "response_1")) == [
        "second",
        "first",
    ]


def test_a_zero_among_fields_that_are_counted_from_one_is_unclear(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'label' is a number from 0 to 1"):
        chosen(tmp_path, "label", [1, 0], sides=("response_1", "response_2"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("better_of_0_1", ["first", "second"]), ("first_is_better", ["second", "first"])],
)
def test_data_columns_decide(tmp_path: Path, name: str, expected: list[str]) -> None:
    assert chosen(tmp_path, "label", [0, 1], {"label": name}) == expected


def test_a_clear_number_is_used_beside_an_unclear_one(tmp_path: Path) -> None:
    assert chosen(tmp_path, "preference_strength", [-1, 2], label=1) == ["first", "second"]


def test_a_misspelt_known_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no format knows 'better_of_01'.*'better_of_0_1'"):
        chosen(tmp_path, "label", [0], {"label": "better_of_01"})


def test_own_columns_are_renamed_and_a_row_without_them_is_bad() -> None:
    columns = {"frage": "prompt", "gut": "chosen", "schlecht": "rejected", "nr": "id"}
    rows: list[Any] = [
        {"frage": "q", "gut": "a", "schlecht": "b", "nr": 7},
        {"frage": "q", "gut": "a"},
        BadRow("not JSON"),
    ]
    (_, first), (_, second), (_, third) = rename(iter(enumerate(rows)), columns)
    assert isinstance(first, dict)
    assert next(convert(first))["chosen"] == "a"  # type: ignore[index]
    assert first["id"] == 7
    assert str(second) == "field 'schlecht', which data.columns names, is missing"
    assert third is rows[2]


def test_columns_of_annotation_tools_are_renamed_inside() -> None:
    task = {
        "data": {"frage": "q", "answer1": "a", "answer2": "b"},
        "annotations": [{"result": [{"type": "pairwise", "value": {"selected": "right"}}]}],
    }
    ((_, row),) = rename(iter([(0, task)]), {"frage": "prompt"})
    assert isinstance(row, dict)
    assert next(convert(row))["chosen"] == "b"  # type: ignore[index]


def test_benchmark_rows_are_settled_over_their_file() -> None:
    texts = {"prompt": "q", "response_1": "a", "response_2": "b"}
    rows: list[Any] = [texts | {"preference_strength": n} for n in (2, -1)]
    rows += [BadRow("not JSON"), {"prompt": "q", "chosen": "a", "rejected": "b"}]
    settled = [row for _, row in settle(((("f", n), row) for n, row in enumerate(rows)))]
    assert settled[:2] == rows[2:]
    assert [next(convert(row))["chosen"] for row in settled[2:]] == ["b", "a"]  # type: ignore[index, arg-type]


def test_a_contradiction_in_a_settled_row_is_set_aside(tmp_path: Path) -> None:
    rows = [
        {"prompt": "q", "response_1": "a", "response_2": "b", "label": n, "overall_preference": s}
        for n, s in ((1, -2), (2, -2))
    ]
    with Ratings(tmp_path) as ratings:
        placed = ((("f", n), row) for n, row in enumerate(rows))
        items = [item for _, item in ingest(placed, convert, None, ratings) if item]
    assert isinstance(items[0], Pair)
    assert isinstance(items[1], SetAside)
    assert items[1].kind == "contradictory"
