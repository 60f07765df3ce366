"""Section ``data``: which preference data is read, and how."""

from typing import Annotated

from pydantic import Field

from mlx_reward.config.reader import Settings


class DataSettings(Settings):
    source: str
    format: str
    config: str | None
    split: str | None
    revision: str | None
    # The default keeps params.yaml of projects that were begun before there was this key.
    columns: dict[str, str] = {}  # noqa: RUF012  # frozen, and pydantic copies it
    max_bad_fraction: Annotated[float, Field(ge=0, le=1)]
