"""Downloads from a server on loopback: resumed after a break, checked before they are renamed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlx_reward.data.sources.download import download
from mlx_reward.utils.errors import InputError
from tests.loopback import Site, serve

DATA = bytes(range(256)) * 2000


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as found:
        found.pages["/file"] = DATA
        yield found


def right(path: Path) -> str | None:
    return None if path.read_bytes() == DATA else "not what was expected"


def test_a_file_is_fetched_once(site: Site, tmp_path: Path) -> None:
    for _ in range(2):
        assert download(f"{site.url}/file", tmp_path / "deep" / "a", right).read_bytes() == DATA
    assert len(site.asked) == 1


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on_where_it_stopped(
    site: Site, tmp_path: Path, ranges: bool
) -> None:
    site.breaks, site.takes_ranges = 100_000, ranges
    with pytest.raises(
        InputError, match=r"the download failed .*; run again to go on where it stopped"
    ) as caught:
        download(f"{site.url}/file", tmp_path / "a", right)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "a").exists()
    assert download(f"{site.url}/file", tmp_path / "a", right).read_bytes() == DATA
    assert site.asked[-1] == ("/file", "bytes=100000-")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_download_that_was_whole_but_not_renamed_is_taken(site: Site, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(DATA)
    assert download(f"{site.url}/file", tmp_path / "a", right).read_bytes() == DATA


def test_a_wrong_file_is_thrown_away(site: Site, tmp_path: Path) -> None:
    site.pages["/file"] = b"an error page"
    with pytest.raises(InputError, match="not what was expected; what was fetched is thrown away"):
        download(f"{site.url}/file", tmp_path / "a", right)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_page_is_one_line(site: Site, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the download failed \(HTTP Error 404"):
        download(f"{site.url}/gone", tmp_path / "a", right)
