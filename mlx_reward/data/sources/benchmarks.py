"""The rows of a benchmark, which is named as ``data.source`` is but read from another split."""

import re
from collections.abc import Iterator
from itertools import chain

from mlx_reward.config.data import DataSettings
from mlx_reward.data.formats.row import BadRow, Row
from mlx_reward.data.sources import files, hub
from mlx_reward.data.sources.source import Place, open_source
from mlx_reward.utils.errors import InputError

Rows = Iterator[tuple[Place, Row | BadRow]]
_HUB = re.compile(r"(?!data/)([\w.-]+/[\w.-]+)(?::([\w.-]+))?")  # owner/name, owner/name:split


def benchmark_rows(source: str) -> Rows:
    """Return the rows that a model is measured on.

    Of a hub dataset these are those of the split that ``source`` names, as in owner/name:split,
    else of split test, else of the only one. InputError where that leaves a choice.
    """
    dataset = _dataset(source)
    if dataset is None:
        return open_source(_settings(source, None)).rows
    repo, split = dataset
    return open_source(_settings(repo, split or _test_split(repo))).rows


def all_rows(source: str) -> Rows:
    """Return the rows of all splits, or of the one that ``source`` names."""
    dataset = _dataset(source)
    if dataset is None:
        return open_source(_settings(source, None)).rows
    repo, split = dataset
    splits = [split] if split else hub.split_names(repo)
    return chain.from_iterable(open_source(_settings(repo, name)).rows for name in splits)


def _dataset(source: str) -> tuple[str, str | None] | None:
    """Return name and split of a hub dataset; None for a preset, files or the starter set."""
    match = _HUB.fullmatch(source)
    if match is None or files.find(source) is not None:
        return None
    return match[1], match[2]


def _test_split(repo: str) -> str:
    names = hub.split_names(repo)
    if "test" in names:
        return "test"
    if len(names) > 1:
        raise InputError(
            f"{repo} has the splits {', '.join(names)}; name one, as in {repo}:{names[-1]}"
        )
    return names[0]


def _settings(source: str, split: str | None) -> DataSettings:
    return DataSettings(
        source=source, format="auto", config=None, split=split, revision=None, max_bad_fraction=1
    )
