"""The prompts of benchmark files, which no pair may share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from mlx_reward.config.data import DataSettings
from mlx_reward.data.formats.convert import convert
from mlx_reward.data.ingest import ingest
from mlx_reward.data.pair import Pair, Prompt
from mlx_reward.data.ratings import Ratings
from mlx_reward.data.sources.source import open_source
from mlx_reward.utils.errors import InputError


def read_prompts(source: str) -> Iterator[Prompt]:
    """Yield the prompts of ``source``, which is given as ``data.source`` is.

    Rows that cannot be used are passed over.
    """
    settings = DataSettings(
        source=source, format="auto", config=None, split=None, revision=None, max_bad_fraction=1
    )
    try:
        with tempfile.TemporaryDirectory() as scratch, Ratings(Path(scratch)) as ratings:
            for _, item in ingest(open_source(settings).rows, convert, None, ratings):
                if isinstance(item, Pair):
                    yield item.prompt
    except InputError as error:
        raise InputError(f"split.exclude: {error}") from None
