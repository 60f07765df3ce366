"""Pairs gathered on disk, then settled: each once, contradictions by vote, everything set aside written down."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TextIO

from mlx_reward.config.data import DataSettings
from mlx_reward.data.deduplicate import PairIndex
from mlx_reward.data.ingest import Item, Rejected
from mlx_reward.data.pair import Pair, iterate_pairs
from mlx_reward.data.sources.source import Place
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.progress import bar


@dataclass
class Gathered:
    """What a first pass over the rows found; ``pairs`` and ``aside`` are files."""

    pairs: Path
    aside: Path
    rows: int = 0
    bad_rows: int = 0
    first_bad: Rejected | None = None
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)  # (kind, reason)
    ledger: PairIndex = field(default_factory=PairIndex)


def gather(items: Iterable[Item], folder: Path) -> Gathered:
    """Write pairs and what is set aside to files in ``folder``."""
    found = Gathered(folder / "pairs.jsonl", folder / "aside.jsonl")
    last: Place | None = None
    with (
        found.pairs.open("w", encoding="utf-8") as pairs,
        found.aside.open("w", encoding="utf-8") as aside,
    ):
        for place, item in items:
            found.rows += place != last
            last = place
            if isinstance(item, Rejected):
                _set_aside(found, item, aside)
            else:
                pairs.write(json.dumps(item.to_row(), ensure_ascii=False) + "\n")
                found.ledger.add(item, place)
    return found


def reasons(found: Gathered) -> str:
    """A line for each reason why something was set aside, the most frequent first."""
    return "".join(
        f"{n:>8} set aside as {kind}: {reason}\n"
        for (kind, reason), n in found.reasons.most_common()
    )


def refuse_if_bad(found: Gathered, settings: DataSettings) -> None:
    """Raise InputError where there are no rows, or more bad ones than ``settings`` allow."""
    if found.rows == 0:
        raise InputError(f"{settings.source}: holds no rows; check data.source in params.yaml")
    if found.first_bad and found.bad_rows > settings.max_bad_fraction * found.rows:
        bad = found.first_bad
        print(reasons(found), end="")
        raise InputError(
            f"{bad.file}, line {bad.line}: {bad.reason}; {found.bad_rows} of {found.rows} rows cannot be used, "
            f"more than data.max_bad_fraction ({settings.max_bad_fraction:g})"
        )


def settle(found: Gathered) -> Iterator[Pair]:
    """The pairs that stay, in order, votes counted together."""
    fates = found.ledger.fates()
    with found.aside.open("a", encoding="utf-8") as aside:
        pairs = bar(iterate_pairs(found.pairs), total=len(found.ledger), what="settle", unit="pair")
        for number, pair in enumerate(pairs):
            fate = fates.get(number)
            if fate is None or fate.kept:
                yield (
                    pair if fate is None or fate.votes is None else replace(pair, votes=fate.votes)
                )
            else:
                _set_aside(
                    found, Rejected(*found.ledger.place(number), fate.kind, fate.reason), aside
                )


def aside(found: Gathered) -> Iterator[dict[str, str | int]]:
    """Everything that was set aside, after ``settle`` has run to its end."""
    with found.aside.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _set_aside(found: Gathered, item: Rejected, file: TextIO) -> None:
    found.reasons[item.kind, item.reason] += 1
    if item.kind == "bad":
        found.bad_rows += 1
        found.first_bad = found.first_bad or item
    file.write(json.dumps(asdict(item), ensure_ascii=False) + "\n")
