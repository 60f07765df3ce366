"""UKPConvArg1Strict (Habernal and Gurevych, ACL 2016) from its GitHub archive: which argument is more convincing."""

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlx_reward.data.sources.download import download
from mlx_reward.utils.cache_folder import cache_folder
from mlx_reward.utils.files import write_jsonl

NAME = "convarg"
LICENSE = "CC BY 4.0"
COMMIT = "7c598e0a02ad2310dc9eb670c55a21b93a33e82f"
HOST = "https://github.com"
FOLDER = "data/UKPConvArg1Strict-CSV/"


def fetch() -> Path:
    """The pairs as JSON Lines in the cache folder."""
    pairs = cache_folder() / f"{NAME}-{COMMIT[:7]}.jsonl"
    if not pairs.exists():
        url = f"{HOST}/UKPLab/acl2016-convincing-arguments/archive/{COMMIT}.zip"
        archive = download(url, cache_folder() / f"{NAME}-{COMMIT[:7]}.zip", check)
        write_jsonl(pairs, read(archive))
    return pairs


def check(archive: Path) -> str | None:
    """GitHub writes the commit into an archive's comment; the checksums are those of the members."""
    try:
        with zipfile.ZipFile(archive) as found:
            if found.comment.decode("ascii", "replace") != COMMIT:
                return f"not the archive of commit {COMMIT[:7]}"
            broken = found.testzip()
            return f"{broken} in it is damaged" if broken else None
    except zipfile.BadZipFile as error:
        return f"not a whole zip archive ({error})"


def read(archive: Path) -> Iterator[dict[str, Any]]:
    """One pair row a line of each debate side's table (#id, label, a1, a2; tabs, no quoting)."""
    with zipfile.ZipFile(archive) as found:
        for name in sorted(n for n in found.namelist() if FOLDER in n and n.endswith(".csv")):
            lines = io.TextIOWrapper(found.open(name), encoding="utf-8", newline="\n")
            for cells in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                if len(cells) == 4 and cells[1] in ("a1", "a2"):
                    yield _pair(Path(name).stem, *cells)


def _pair(side: str, id: str, better: str, a1: str, a2: str) -> dict[str, Any]:
    debate, _, stance = side.partition("_")
    first, second = (a.replace(" <br/> ", "\n").replace("<br/>", "\n") for a in (a1, a2))
    chosen, rejected = (first, second) if better == "a1" else (second, first)
    prompt = f"Debate: {_words(debate)}\nArgue for this position: {_words(stance)}"
    return {
        "id": id,
        "prompt": prompt,
        "chosen": chosen,
        "rejected": rejected,
        "subset": side,
        "debate": debate,
    }


def _words(slug: str) -> str:
    return " ".join(slug.replace("-", " ").split()).capitalize()
