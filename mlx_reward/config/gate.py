"""Section ``gate``: the limits that a model must keep to pass."""

from typing import Annotated

from pydantic import Field

from mlx_reward.config.reader import Settings


class GateSettings(Settings):
    min_accuracy: Annotated[float, Field(ge=0, le=1)]
    max_ece: Annotated[float, Field(gt=0, le=1)] | None
    max_fooled: Annotated[float, Field(ge=0, le=1)] | None
    against: str | None
    max_regression: Annotated[float, Field(ge=0, le=1)] | None
