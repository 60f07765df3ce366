"""Section ``split``: how pairs are divided into train, valid and test."""

from typing import Annotated

from pydantic import Field

from mlx_reward.config.reader import Settings

Size = Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, lt=1)]


class SplitSettings(Settings):
    group_by: str | None
    near_duplicates: Annotated[float, Field(gt=0, le=1)] | None
    exclude: list[str]
    valid_size: Size
    test_size: Size
    seed: Annotated[int, Field(ge=0)]
