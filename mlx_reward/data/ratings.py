"""Rated responses gathered by prompt, on disk: rows of one prompt may stand anywhere in the data."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from mlx_reward.data.formats.draft import Rated


class Ratings:
    """A table of rated responses in a temporary file, so that memory does not grow with the data."""

    def __init__(self, folder: Path) -> None:
        self._table = sqlite3.connect(folder / "ratings.sqlite")
        self._table.execute("PRAGMA journal_mode = OFF")
        self._table.execute("PRAGMA synchronous = OFF")
        self._table.execute("CREATE TABLE ratings (prompt BLOB, place INTEGER, row TEXT)")
        self._place = 0

    def __len__(self) -> int:
        return self._place

    def add(self, rated: Rated, origin: dict[str, Any]) -> None:
        """Keep one response; ``origin`` is what the caller wants to see again with it."""
        prompt = json.dumps(rated.prompt, sort_keys=True)
        row = json.dumps([rated.prompt, rated.response, rated.score, rated.subset, origin])
        key = hashlib.sha256(prompt.encode()).digest()
        self._table.execute("INSERT INTO ratings VALUES (?, ?, ?)", (key, self._place, row))
        self._place += 1

    def groups(self) -> Iterator[list[tuple[Rated, dict[str, Any]]]]:
        """The responses of each prompt, prompts in order of their first appearance."""
        self._table.execute("CREATE INDEX by_prompt ON ratings (prompt, place)")
        query = (
            "SELECT r.prompt, r.row FROM (SELECT prompt, min(place) AS first FROM ratings GROUP BY prompt) AS g "
            "JOIN ratings AS r ON r.prompt = g.prompt ORDER BY g.first, r.place"
        )
        for _, rows in groupby(self._table.execute(query), key=lambda row: row[0]):
            yield [self._read(row) for _, row in rows]

    def __enter__(self) -> "Ratings":
        return self

    def __exit__(self, *_: object) -> None:
        self._table.close()

    @staticmethod
    def _read(row: str) -> tuple[Rated, dict[str, Any]]:
        prompt, response, score, subset, origin = json.loads(row)
        return Rated(prompt, response, score, subset), origin
