"""Section ``eval``: what is measured on the test split."""

from typing import Annotated

from pydantic import Field

from mlx_reward.config.reader import Settings


class EvalSettings(Settings):
    ece_bins: Annotated[int, Field(ge=1)]
    probes: Annotated[int, Field(ge=0)]
    benchmarks: list[str]
