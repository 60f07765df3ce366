"""Recipes for public sets, from a server on loopback."""

import gzip
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlx_reward.config.data import DataSettings
from mlx_reward.data.sources import convarg, hub, presets
from mlx_reward.data.sources.source import open_source
from mlx_reward.utils.errors import InputError
from tests.loopback import Site, serve

HH = {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: q\n\nAssistant: b"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with serve() as found:
        monkeypatch.setattr(hub, "ENDPOINT", found.url)
        monkeypatch.setattr(hub, "CACHE", tmp_path / "hub")
        monkeypatch.setattr(convarg, "HOST", found.url)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        yield found


def settings(source: str) -> DataSettings:
    return DataSettings(
        source=source, format="auto", config=None, split=None, revision=None, max_bad_fraction=0.01
    )


def archive(commit: str, label: str = "a2") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.comment = commit.encode()
        root = f"acl2016-convincing-arguments-{commit}/{convarg.FOLDER}"
        file.writestr(
            root + "tv-or-books_tv.csv",
            f'#id\tlabel\ta1\ta2\narg1_arg2\t{label}\tshort "one\tlong <br/> one\n',
        )
        file.writestr(
            root + "tv-or-books_books.csv", "#id\tlabel\ta1\ta2\narg3_arg4\ta1\tyes\tno\n"
        )
    return packed.getvalue()


def digest(packed: bytes) -> str:
    return convarg.tables_digest(zipfile.ZipFile(io.BytesIO(packed)))


def test_convarg_from_its_archive(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convarg, "SHA256", digest(archive(convarg.COMMIT)))
    page = f"/UKPLab/acl2016-convincing-arguments/archive/{convarg.COMMIT}.zip"
    site.pages[page] = archive(convarg.COMMIT)
    for _ in range(2):
        (_, first), (_, second) = open_source(settings("convarg")).rows
    assert second == {
        "id": "arg1_arg2",
        "chosen": "long\none",
        "rejected": 'short "one',
        "subset": "tv-or-books_tv",
        "debate": "tv-or-books",
        "prompt": "Debate: Tv or books\nArgue for this position: Tv",
    }
    assert first["chosen"] == "yes"  # type: ignore[index]
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (archive("0" * 40), "not the archive of commit 7c598e0"),
        (archive(convarg.COMMIT)[:200], "not a whole zip archive"),
        (archive(convarg.COMMIT, label="a1"), "SHA-256 of its tables is .*, expected"),
    ],
)
def test_another_or_a_damaged_archive_is_refused(site: Site, packed: bytes, reason: str) -> None:
    site.pages[f"/UKPLab/acl2016-convincing-arguments/archive/{convarg.COMMIT}.zip"] = packed
    with pytest.raises(InputError, match=reason):
        open_source(settings("convarg"))


def test_a_preset_of_the_hub(site: Site) -> None:
    preset = presets.PRESETS["hh-rlhf-harmless"]
    site.headers = {"X-Repo-Commit": preset.revision}
    page = f"/datasets/{preset.repo}/resolve/{preset.revision}/{preset.files[0]}"
    site.pages[page] = gzip.compress(json.dumps(HH).encode())
    source = open_source(settings("hh-rlhf-harmless"))
    assert source.format == "hh"
    assert [row for _, row in source.rows] == [HH]


def test_a_preset_that_cannot_be_had_is_one_line(site: Site) -> None:
    with pytest.raises(
        InputError,
        match="train.jsonl.gz of nvidia/HelpSteer2 at revision 990b271.* could not be had",
    ) as caught:
        open_source(settings("helpsteer2"))
    assert "\n" not in str(caught.value)


def test_every_preset_is_pinned_and_says_its_license() -> None:
    for preset in presets.PRESETS.values():
        assert re.fullmatch("[0-9a-f]{40}", preset.revision)
        assert preset.license


def test_what_is_neither_file_nor_preset_nor_dataset_names_the_kinds() -> None:
    with pytest.raises(
        InputError, match="startre: not there; data.source is starter, a preset .hh-rlhf-harmless"
    ):
        open_source(settings("startre"))
    with pytest.raises(InputError, match="^data/raw/typo.jsonl: not there"):
        open_source(settings("data/raw/typo.jsonl"))
