"""Section ``base``: which language model is the backbone."""

from typing import Literal

from mlx_reward.config.reader import Settings


class BaseSettings(Settings):
    source: str
    revision: str | None
    quantize: Literal[2, 3, 4, 6, 8] | None
