"""Pairs gathered on disk, then resolved: each once, contradictions by vote.

Everything that is set aside on the way is written down.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

from mlx_reward.config.data import DataSettings
from mlx_reward.data.deduplicate import PairIndex
from mlx_reward.data.ingest import Item, SetAside
from mlx_reward.data.pair import Pair, iterate_pairs
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.progress import bar

UNUSABLE = ("bad", "contradictory")  # kinds of what data.max_bad_fraction limits


@dataclass
class Gathered:
    """What a first pass over the rows found."""

    pairs_file: Path
    set_aside_file: Path
    rows: int = 0
    bad_rows: int = 0
    first_bad_row: SetAside | None = None
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)  # (kind, reason)
    index: PairIndex = field(default_factory=PairIndex)


def gather(items: Iterable[Item], folder: Path) -> Gathered:
    """Write pairs and what is set aside to files in ``folder``."""
    gathered = Gathered(folder / "pairs.jsonl", folder / "set_aside.jsonl")
    with (
        gathered.pairs_file.open("w", encoding="utf-8") as pairs,
        gathered.set_aside_file.open("w", encoding="utf-8") as set_aside,
    ):
        for place, item in items:
            if item is None:
                gathered.rows += 1
            elif isinstance(item, SetAside):
                _set_aside(gathered, item, set_aside)
            else:
                pairs.write(json.dumps(item.to_row(), ensure_ascii=False) + "\n")
                gathered.index.add(item, place)
    return gathered


def reason_lines(gathered: Gathered) -> str:
    """Return a line for each reason why something was set aside, the most frequent first."""
    return "".join(
        f"{count:>8} set aside as {kind}: {reason}\n"
        for (kind, reason), count in gathered.reasons.most_common()
    )


def refuse_if_bad(gathered: Gathered, settings: DataSettings) -> None:
    """Raise InputError where there are no rows, or more bad ones than ``settings`` allow."""
    if gathered.rows == 0:
        raise InputError(f"{settings.source}: holds no rows; check data.source in params.yaml")
    first = gathered.first_bad_row
    if first is None or gathered.bad_rows <= settings.max_bad_fraction * gathered.rows:
        return
    print(reason_lines(gathered), end="")
    raise InputError(
        f"{first.file}, line {first.line}: {first.reason}; "
        f"{gathered.bad_rows} of {gathered.rows} rows cannot be used, "
        f"more than data.max_bad_fraction ({settings.max_bad_fraction:g})"
    )


def resolve(gathered: Gathered) -> Iterator[Pair]:
    """Yield the pairs that stay, in order, with the votes of repeated ones counted together."""
    resolutions = gathered.index.resolutions()
    with gathered.set_aside_file.open("a", encoding="utf-8") as set_aside:
        pairs = bar(
            iterate_pairs(gathered.pairs_file),
            total=len(gathered.index),
            what="resolve",
            unit="pair",
        )
        for number, pair in enumerate(pairs):
            resolution = resolutions.get(number)
            if resolution is None:
                yield pair
            elif resolution.kept:
                votes = pair.votes if resolution.votes is None else resolution.votes
                yield replace(pair, votes=votes, group=resolution.group)
            else:
                file, line = gathered.index.place(number)
                item = SetAside(file, line, resolution.kind, resolution.reason)
                _set_aside(gathered, item, set_aside)


def set_aside_rows(gathered: Gathered) -> Iterator[dict[str, str | int]]:
    """Yield everything that was set aside, after ``resolve`` has run to its end."""
    with gathered.set_aside_file.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _set_aside(gathered: Gathered, item: SetAside, file: TextIO) -> None:
    gathered.reasons[item.kind, item.reason] += 1
    if item.judged is not None:
        gathered.index.add_tie(item.judged)
    if item.kind in UNUSABLE:
        gathered.bad_rows += 1
        gathered.first_bad_row = gathered.first_bad_row or item
    file.write(json.dumps(item.to_row(), ensure_ascii=False) + "\n")
