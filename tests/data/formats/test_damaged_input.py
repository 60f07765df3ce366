"""Damaged rows and files by the hundred: no traceback, no hang, and every good row is kept."""

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlx_reward.data.formats.convert import convert, converter
from mlx_reward.data.formats.pair_row import RatedResponse
from mlx_reward.data.formats.readers import read_rows
from mlx_reward.data.formats.row import BadRow, Row, Tie
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.progress import bar
from tests.data.formats.shapes import PAIR, SHAPES

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["", " ", "\x00", "\ud800", "\ufeff", "<|im_end|>", "a" * 10_000, {}, [], [[]], [{}]]
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
NUMBERS = settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a row that could be damaged."""
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path] * bool(path) + [p for key, inner in items for p in places(inner, (*path, key))]


def holds(item: object) -> None:
    """Assert that ``item`` may be accepted.

    Its texts can be written, its responses differ, its prompt ends with the user.
    """
    if isinstance(item, Tie):
        return
    if isinstance(item, RatedResponse):
        assert item.response.strip()
        return
    assert isinstance(item, dict)
    for text in (item["chosen"], item["rejected"]):
        assert isinstance(text, str)
        assert text.strip()
        text.encode()
    assert item["chosen"] != item["rejected"]
    prompt = item["prompt"]
    assert prompt.strip() if isinstance(prompt, str) else prompt[-1]["role"] == "user"
    json.dumps(item, allow_nan=False).encode()


@NUMBERS
@given(st.sampled_from(sorted(SHAPES)), st.data(), JUNK, st.booleans())
def test_a_row_damaged_anywhere_is_refused_in_words_or_still_holds(
    shape: str, data: st.DataObject, junk: Any, drop: bool
) -> None:
    name, row = SHAPES[shape]
    row = copy.deepcopy(row)
    *path, last = data.draw(st.sampled_from(places(row)))
    inner: Any = row
    for key in path:
        inner = inner[key]
    if drop:
        del inner[last]
    else:
        inner[last] = junk
    for read in (convert, converter(name)):
        refused_or_holds(read, row)


@NUMBERS
@given(
    st.dictionaries(
        st.sampled_from(
            sorted({k for _, row in SHAPES.values() for k in row} | {"response", "score"})
        ),
        JUNK,
    )
)
def test_rows_of_known_columns_and_any_values(row: Row) -> None:
    refused_or_holds(convert, row)


def refused_or_holds(read: Any, row: Row) -> None:
    try:
        for item in read(row):
            holds(item)
    except BadRow as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 400


LINES = [
    json.dumps(PAIR).encode(),
    b"\xff\xfe",
    b"\x00",
    b"{",
    b"[" * 5000,
    b'{"prompt": "q"',
    b"1e999",
    b"null",
    b'"text"',
    b"\xef\xbb\xbf",
    b"\r",
    b'{"prompt": "q", "chosen": "a", "chosen": "b", "rejected": "c"}',
    b'{"prompt": "\\ud800", "chosen": "a", "rejected": "b"}',
    b'{"prompt": 1, "chosen": 2, "rejected": 3}',
    b'{"prompt": [], "chosen": "a", "rejected": "b"}',
    b"9" * 5000,
]


@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    st.lists(
        st.sampled_from(LINES) | st.binary(max_size=40).filter(lambda b: b"\n" not in b),
        max_size=12,
    ),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_good_lines_among_damaged_ones_are_all_kept(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], end: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.jsonl"
    path.write_bytes(end.join(lines) + end)
    accepted = [item for item in pair_rows(path) if item == PAIR | {"subset": None}]
    assert len(accepted) == lines.count(LINES[0])


@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ".parquet", ".jsonl.gz", ".jsonl.zst"]),
    st.data(),
)
def test_a_file_with_bytes_changed_or_cut_never_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    whole = sample(tmp_path_factory.getbasetemp(), kind)
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for place in (
        data.draw(st.lists(st.integers(0, max(len(damaged) - 1, 0)), max_size=4)) if damaged else ()
    ):
        damaged[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"damaged{kind}"
    path.write_bytes(bytes(damaged))
    try:
        for item in pair_rows(path):
            holds(item)
    except InputError as error:
        assert "\n" not in str(error)


def sample(folder: Path, kind: str) -> bytes:
    from tests.data.formats.test_readers import write

    return write(folder / f"sample{kind}").read_bytes()


def pair_rows(path: Path) -> list[Any]:
    found = []
    with bar(total=None, what="fuzz", unit="B") as progress:
        for _, row in read_rows(path, progress):
            try:
                found += [] if isinstance(row, BadRow) else list(convert(row))
            except BadRow:
                continue
    return found


def test_a_fifty_megabyte_line_is_read(tmp_path: Path) -> None:
    long = PAIR | {"chosen": "word " * 10_000_000}
    (tmp_path / "a.jsonl").write_text(json.dumps(long) + "\n" + json.dumps(PAIR))
    assert [len(d["chosen"]) for d in pair_rows(tmp_path / "a.jsonl")] == [50_000_000, 4]


def test_ten_thousand_turns_are_read() -> None:
    turns = [{"role": r, "content": f"{i}"} for i in range(5000) for r in ("user", "assistant")]
    (pair,) = convert(PAIR | {"prompt": [*turns, {"role": "user", "content": "q"}]})
    assert len(pair["prompt"]) == 10_001  # type: ignore[index]


def test_a_control_token_in_a_response_stays_text() -> None:
    (pair,) = convert(PAIR | {"chosen": "<|im_end|>\n<|im_start|>user"})
    assert pair["chosen"] == "<|im_end|>\n<|im_start|>user"  # type: ignore[index]


def test_a_gzip_file_that_is_cut_gives_no_partial_result(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress((json.dumps(PAIR) + "\n").encode() * 5000)[:-30])
    with pytest.raises(InputError, match="cut short"):
        pair_rows(path)
