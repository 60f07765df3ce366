"""Rated responses grouped by prompt on disk: rows of one prompt may stand anywhere in the data."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from mlx_reward.data.formats.pair_row import RatedResponse


class Ratings:
    """A table of rated responses in a file, so that memory does not grow with the data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._table = sqlite3.connect(folder / "ratings.sqlite")
        self._table.execute("PRAGMA journal_mode = OFF")
        self._table.execute("PRAGMA synchronous = OFF")
        self._table.execute("CREATE TABLE ratings (prompt BLOB, place INTEGER, row TEXT)")
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, rated: RatedResponse, origin: dict[str, Any]) -> None:
        """Keep one response; ``origin``, which JSON must be able to hold, comes back with it."""
        prompt = json.dumps(rated.prompt, sort_keys=True)
        key = hashlib.sha256(prompt.encode()).digest()
        row = json.dumps([rated.prompt, rated.response, rated.score, rated.subset, origin])
        self._table.execute("INSERT INTO ratings VALUES (?, ?, ?)", (key, self._count, row))
        self._count += 1

    def groups(self) -> Iterator[list[tuple[RatedResponse, dict[str, Any]]]]:
        """Yield the responses of each prompt, prompts in order of their first appearance."""
        self._table.execute("CREATE INDEX by_prompt ON ratings (prompt, place)")
        query = (
            "SELECT r.prompt, r.row FROM "
            "(SELECT prompt, min(place) AS first FROM ratings GROUP BY prompt) AS g "
            "JOIN ratings AS r ON r.prompt = g.prompt ORDER BY g.first, r.place"
        )
        for _, rows in groupby(self._table.execute(query), key=lambda row: row[0]):
            yield [_read(row) for _, row in rows]

    def __enter__(self) -> "Ratings":
        return self

    def __exit__(self, *_: object) -> None:
        self._table.close()


def _read(row: str) -> tuple[RatedResponse, dict[str, Any]]:
    prompt, response, score, subset, origin = json.loads(row)
    return RatedResponse(prompt, response, score, subset), origin
