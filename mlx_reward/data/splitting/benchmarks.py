"""Prompts of benchmark files, which no training pair may share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from mlx_reward.config.data import DataSettings
from mlx_reward.data.formats.convert import convert
from mlx_reward.data.ingest import pairs
from mlx_reward.data.pair import Message, Pair
from mlx_reward.data.ratings import Ratings
from mlx_reward.data.sources.source import open_source
from mlx_reward.utils.errors import InputError


def read_prompts(source: str) -> Iterator[str | list[Message]]:
    """The prompts of ``source``, which is given as ``data.source`` is; rows that cannot be used are passed over."""
    settings = DataSettings(
        source=source, format="auto", config=None, split=None, revision=None, max_bad_fraction=1
    )
    try:
        with tempfile.TemporaryDirectory() as scratch, Ratings(Path(scratch)) as ratings:
            for _, item in pairs(open_source(settings).rows, convert, None, ratings):
                if isinstance(item, Pair):
                    yield item.prompt
    except InputError as error:
        raise InputError(f"split.exclude: {error}") from None
