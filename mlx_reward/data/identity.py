"""Ids of pairs, each of which only one pair of the data has."""

import hashlib
from pathlib import Path

from mlx_reward.data.formats.row import Row
from mlx_reward.data.sources.source import Place


class Identities:
    """Gives ids, and remembers 8 bytes of each that was given."""

    def __init__(self) -> None:
        self._taken: set[int] = set()
        self._labels: dict[str, str] = {}  # of files, by their paths
        self._stems: dict[str, int] = {}  # how many files are called so

    def name(self, place: Place, own: str | None, part: str) -> str:
        """Return the id of a pair: the row's own where nothing else has it, else its file and line.

        ``part`` tells several pairs of one row apart.
        """
        if own is not None and self._take(own + part):
            return own + part
        file, line = place
        made = f"{self._label(file)}-{line}"
        while not self._take(made + part):  # a row's own id looks like it
            made += "~"
        return made + part

    def _take(self, id: str) -> bool:
        """Return whether ``id`` is free, and take it."""
        digest = int.from_bytes(hashlib.blake2b(id.encode(), digest_size=8).digest(), "little")
        free = digest not in self._taken
        self._taken.add(digest)
        return free

    def _label(self, file: str) -> str:
        """Return the name of a file without its endings, numbered where others are called so."""
        if file not in self._labels:
            stem = Path(file).name.split(".")[0]
            count = self._stems[stem] = self._stems.get(stem, 0) + 1
            self._labels[file] = stem if count == 1 else f"{stem}~{count}"
        return self._labels[file]


def own_id(row: Row) -> str | None:
    """Return the id that the file gives a row, None where it gives none that can be printed."""
    own = row.get("id")
    usable = isinstance(own, (str, int)) and not isinstance(own, bool) and str(own).strip()
    return str(own) if usable and str(own).isprintable() else None
