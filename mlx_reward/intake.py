"""Files of preferences into pairs; what cannot be used is set aside with its reason."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlx_reward.errors import InputError
from mlx_reward.formats.convert import convert
from mlx_reward.formats.lines import BadRow, rows
from mlx_reward.preferences import Pair

STARTER = Path("data/starter")


@dataclass(frozen=True)
class Rejected:
    """A row that was set aside."""

    file: str
    line: int
    reason: str


def files(source: str) -> list[Path]:
    """The files that ``data.source`` names."""
    path = STARTER if source == "starter" else Path(source)
    found = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not found:
        raise InputError(f"{path}: no .jsonl file in this folder; check data.source in params.yaml")
    return found


def pairs(source: str, group_by: str | None) -> Iterator[Pair | Rejected]:
    """Every pair of ``source`` in order, and every row that gives none."""
    for path in files(source):
        for line, row in rows(path):
            try:
                if isinstance(row, BadRow):
                    raise row
                yield from _pairs(row, f"{path.name.split('.')[0]}-{line}", group_by)
            except BadRow as error:
                yield Rejected(str(path), line, str(error))


def _pairs(row: dict[str, Any], place: str, group_by: str | None) -> list[Pair]:
    drafts = list(convert(row))
    id = str(row.get("id", place))
    ids = [id] if len(drafts) == 1 else [f"{id}/{i}" for i in range(len(drafts))]
    return [Pair(**draft, id=i, group=_group(draft, row, group_by)) for draft, i in zip(drafts, ids, strict=True)]


def _group(draft: dict[str, Any], row: dict[str, Any], group_by: str | None) -> str:
    if group_by is not None:
        if group_by not in row:
            raise BadRow(f"field '{group_by}', which split.group_by names, is missing")
        return str(row[group_by])
    return hashlib.sha256(json.dumps(draft["prompt"], sort_keys=True).encode()).hexdigest()[:16]
