"""UKPConvArg1Strict from its GitHub archive: which of two arguments is more convincing.

Habernal and Gurevych, ACL 2016.
"""

import csv
import hashlib
import io
import zipfile
import zlib
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
# Of the tables in it, not of the archive: GitHub packs that anew, not always the same way.
SHA256 = "3373ed633baffc1ec5e005fbc0edb2033ba47ab79a5e619d19bd16dda2a0be0b"


def fetch() -> Path:
    """Return the pairs as JSON Lines in the cache folder, downloaded unless they are there."""
    folder = cache_folder()
    pairs = folder / f"{NAME}-{COMMIT[:7]}.jsonl"
    if not pairs.exists():
        url = f"{HOST}/UKPLab/acl2016-convincing-arguments/archive/{COMMIT}.zip"
        archive = download(url, folder / f"{NAME}-{COMMIT[:7]}.zip", check)
        write_jsonl(pairs, read(archive))
    return pairs


def check(archive: Path) -> str | None:
    """Return what is wrong with the archive, or None.

    GitHub writes the commit into its comment.
    """
    try:
        with zipfile.ZipFile(archive) as found:
            if found.comment.decode("ascii", "replace") != COMMIT:
                return f"not the archive of commit {COMMIT[:7]}"
            digest = tables_digest(found)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        return f"not a whole zip archive ({error})"
    return None if digest == SHA256 else f"SHA-256 of its tables is {digest}, expected {SHA256}"


def tables_digest(archive: zipfile.ZipFile) -> str:
    """Return the SHA-256, in hex, over names and contents of the tables, in order of name."""
    total = hashlib.sha256()
    for name in _tables(archive):
        total.update(f"{Path(name).name}\0".encode())
        with archive.open(name) as table:
            while block := table.read(1 << 20):
                total.update(block)
    return total.hexdigest()


def _tables(archive: zipfile.ZipFile) -> list[str]:
    return sorted(n for n in archive.namelist() if FOLDER in n and n.endswith(".csv"))


def read(archive: Path) -> Iterator[dict[str, Any]]:
    """Yield one pair row a line of each table (#id, label, a1, a2; tabs, no quoting).

    Each table is one side of one debate.
    """
    with zipfile.ZipFile(archive) as found:
        for name in _tables(found):
            lines = io.TextIOWrapper(found.open(name), encoding="utf-8", newline="\n")
            for cells in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                if len(cells) == 4 and cells[1] in ("a1", "a2"):
                    id, better, a1, a2 = cells
                    yield _pair(Path(name).stem, id, better, a1, a2)


def _pair(side: str, id: str, better: str, a1: str, a2: str) -> dict[str, Any]:
    debate, _, stance = side.partition("_")
    chosen, rejected = (a1, a2) if better == "a1" else (a2, a1)
    return {
        "id": id,
        "prompt": f"Debate: {_words(debate)}\nArgue for this position: {_words(stance)}",
        "chosen": _line_breaks(chosen),
        "rejected": _line_breaks(rejected),
        "subset": side,
        "debate": debate,
    }


def _line_breaks(argument: str) -> str:
    return argument.replace(" <br/> ", "\n").replace("<br/>", "\n")


def _words(slug: str) -> str:
    """Return "tv-or-books" as "Tv or books"."""
    return " ".join(slug.replace("-", " ").split()).capitalize()
