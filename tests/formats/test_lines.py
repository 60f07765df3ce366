"""Lines of a file: every good row is kept, every bad one is named."""

import gzip
from pathlib import Path

import pytest

from mlx_reward.errors import InputError
from mlx_reward.formats.lines import BadRow, rows


def test_good_rows_around_bad_ones_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": \n[1]\n\xff\xfe\n' + b"[" * 100_000 + b'\n{"a": 2}')
    found = list(rows(file))
    assert [(n, r) for n, r in found if not isinstance(r, BadRow)] == [(1, {"a": 1}), (7, {"a": 2})]
    reasons = [str(r) for _, r in found if isinstance(r, BadRow)]
    assert [r.split(":")[0].split(" at ")[0] for r in reasons[:1] + reasons[2:]] == ["not JSON", "not UTF-8", "not JSON"]
    assert reasons[1] == "a list where a JSON object belongs"


def test_gzip_is_read_and_a_cut_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"a": 1}\n' * 1000))
    assert len(list(rows(file))) == 1000
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"a.jsonl.gz: the gzip file is damaged or cut short"):
        list(rows(file))


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.jsonl: not there; check data.source"):
        list(rows(tmp_path / "gone.jsonl"))
