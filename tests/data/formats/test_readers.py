"""Files into rows: good rows are kept, bad ones named, an unreadable file is one line."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd

from mlx_reward.data.formats import readers
from mlx_reward.data.formats.row import BadRow
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.progress import bar

ROWS = [
    {"prompt": 'a, "b"\nc', "chosen": "é", "rejected": "x", "margin": 1.5},
    {"prompt": "q", "chosen": "y", "rejected": "z"},
]


def read(path: Path) -> list[tuple[int, object]]:
    with bar(total=None, what="test", unit="B") as progress:
        return list(readers.read_rows(path, progress))


def good(path: Path) -> list[object]:
    return [row for _, row in read(path) if not isinstance(row, BadRow)]


def bad(path: Path) -> list[str]:
    return [str(row) for _, row in read(path) if isinstance(row, BadRow)]


def write(path: Path) -> Path:
    """ROWS in the format that the name of ``path`` asks for."""
    lines = "".join(json.dumps(r) + "\n" for r in ROWS).encode()
    table = b'prompt,chosen,rejected,margin\r\n"a, ""b""\nc",\xc3\xa9,x,1.5\r\nq,y,z,\r\n'
    data = {
        ".json": json.dumps(ROWS).encode(),
        ".csv": table,
        ".tsv": table.replace(b",", b"\t").replace(b"a\t ", b"a, "),
    }
    kind = readers.kind(path)
    if kind == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
        packed = path.read_bytes()
    else:
        packed = data.get(kind or "", lines)
    if path.suffix == ".gz":
        packed = gzip.compress(packed)
    if path.suffix == ".zst":
        packed = zstd.compress(packed[:30]) + zstd.compress(packed[30:])  # two frames
    path.write_bytes(packed)
    return path


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "a.csv", "a.tsv", "a.parquet"])
def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path, name: str, packing: str) -> None:
    found = [
        {k: v for k, v in row.items() if v is not None}
        for row in good(write(tmp_path / (name + packing)))
    ]  # type: ignore[attr-defined]
    assert found == ROWS


@pytest.mark.parametrize(
    "name", ["a.jsonl.gz", "a.jsonl.zst", "a.json.gz", "a.csv.gz", "a.parquet.zst"]
)
def test_a_cut_archive_is_one_line(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(
        InputError, match=r"the archive is damaged or cut short|not JSON|not Parquet"
    ) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_good_lines_around_bad_ones_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": \n[1]\n\xff\xfe\n' + b"[" * 100_000 + b'\n{"a": 2}'
    )
    assert good(path) == [{"a": 1}, {"a": 2}]
    assert [b.split(":")[0].split(" at ")[0] for b in bad(path)] == [
        "not JSON", "a list where a JSON object belongs", "not UTF-8", "not JSON",
    ]  # fmt: skip


def test_a_line_above_the_limit_is_passed_over_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "LINE_LIMIT", 1 << 20)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": "' + b"x" * (5 << 20) + b'"}\n{"a": 1}\n')
    assert good(path) == [{"a": 1}]
    assert bad(path) == ["the line is longer than 1 MB"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_name_that_stands_twice_is_no_text(tmp_path: Path, name: str) -> None:
    """Both readers would otherwise silently take the second value."""
    path = tmp_path / name
    row = '{"prompt": "q", "chosen": "a", "chosen": "b"}'
    path.write_text(row if name == "a.jsonl" else f"[{row}]")
    (row_read,) = good(path)
    assert isinstance(row_read["chosen"], readers.RepeatedField)  # type: ignore[index]


def test_a_json_file_of_json_lines_is_read_as_that(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1}\n{"a": 2}\n')
    assert good(tmp_path / "a.json") == [{"a": 1}, {"a": 2}]


def test_a_broken_array_is_one_line_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"a": 1}, {"a": 2}, {"a"')
    with pytest.raises(InputError, match=r"a.json, after row 2: not JSON"):
        read(tmp_path / "a.json")


def test_csv_rows_with_too_few_or_too_many_cells_are_set_aside(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b\n1,2\n3\n4,5,6\n\xff,7\n")
    assert good(tmp_path / "a.csv") == [
        {"a": "1", "b": "2"},
        {"a": "\udcff", "b": "7"},
    ]  # refused later, as text
    assert bad(tmp_path / "a.csv") == [
        "1 cells where the header has 2 columns",
        "3 cells where the header has 2 columns",
    ]


def test_csv_text_stays_text_and_messages_are_read_as_json(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        'prompt,chosen,score\n"[{""role"": ""user"", ""content"": ""q""}]",4,4\n'
    )
    assert good(tmp_path / "a.csv") == [
        {"prompt": [{"role": "user", "content": "q"}], "chosen": "4", "score": 4}
    ]


@pytest.mark.parametrize("name", ["a.txt", "a", "a.jsonl.bz2"])
def test_other_files_are_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(InputError, match=r"it should end in .jsonl"):
        read(tmp_path / name)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.jsonl: not there; check data.source"):
        read(tmp_path / "gone.jsonl")


def test_what_is_no_parquet_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match=r"a.parquet: not Parquet"):
        read(tmp_path / "a.parquet")


def peak_memory_of_reading(path: Path) -> int:
    """Return the MiB that a process needs to read ``path``, beyond what it needs to start."""
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from mlx_reward.data.formats.readers import read_rows\n"
        "from mlx_reward.utils.progress import bar\n"
        "start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with bar(total=None, what='test', unit='B') as progress:\n"
        "    for _ in read_rows(Path(sys.argv[1]), progress): pass\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) >> 10)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux")
@pytest.mark.parametrize("name", ["a.jsonl.zst", "a.csv.zst"])
def test_a_small_archive_of_much_takes_little_memory(tmp_path: Path, name: str) -> None:
    """48 KB took 3 GB: everything that a block of the archive held was unpacked at once."""
    compressor = zstd.ZstdCompressor()
    with (tmp_path / name).open("wb") as file:
        file.write(compressor.compress(b"prompt\n"))
        for _ in range(600):
            file.write(compressor.compress(bytes(1 << 20)))
        file.write(compressor.flush())
    assert (tmp_path / name).stat().st_size < 1 << 17
    assert peak_memory_of_reading(tmp_path / name) < 300


def test_a_window_over_the_limit_is_refused(tmp_path: Path) -> None:
    """A frame may ask for a window of 2 GB before it holds a byte."""
    options = {zstd.CompressionParameter.window_log: 28}
    compressor = zstd.ZstdCompressor(options=options)
    packed = compressor.compress(b'{"prompt": "a"}\n' * 100) + compressor.flush()
    (tmp_path / "a.jsonl.zst").write_bytes(packed)
    with pytest.raises(InputError, match="the archive is damaged or cut short"):
        read(tmp_path / "a.jsonl.zst")


def test_a_long_line_of_csv_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "LINE_LIMIT", 40)
    (tmp_path / "a.csv").write_text("prompt,chosen\na,b\n" + "x" * 99 + ",y\nc,d\n")
    assert good(tmp_path / "a.csv") == [
        {"prompt": "a", "chosen": "b"},
        {"prompt": "c", "chosen": "d"},
    ]
    assert bad(tmp_path / "a.csv") == ["not CSV: the line is longer than 0 MB"]


def test_a_value_of_parquet_that_python_cannot_hold_costs_one_row(tmp_path: Path) -> None:
    """It ended the whole file as `not Parquet`."""
    times = pa.array([0, 10**15, 1], pa.int64()).cast(pa.timestamp("ms"))
    names = pa.array(["a", "b", "c"])
    pq.write_table(pa.table({"prompt": names, "when": times}), tmp_path / "a.parquet")
    assert [row["prompt"] for row in good(tmp_path / "a.parquet")] == ["a", "c"]
    assert bad(tmp_path / "a.parquet")[0].startswith("a value cannot be read: ")


def test_packed_parquet_over_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "PACKED_PARQUET_LIMIT", 100)
    with pytest.raises(InputError, match="unpack it"):
        read(write(tmp_path / "a.parquet.zst"))
