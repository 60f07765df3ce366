"""Section ``calibrate``: how probabilities are calibrated."""

from typing import Annotated, Literal

from pydantic import Field

from mlx_reward.config.reader import Settings


class CalibrateSettings(Settings):
    method: Literal["temperature", "isotonic"]
    ece_bins: Annotated[int, Field(ge=1)]
