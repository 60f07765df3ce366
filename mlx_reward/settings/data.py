"""Section ``data``: which preferences come in."""

from mlx_reward.settings.reader import Settings


class DataSettings(Settings):
    source: str
