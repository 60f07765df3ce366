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
    max_bad_fraction: Annotated[float, Field(ge=0, le=1)]
