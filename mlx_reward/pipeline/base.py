"""Fetch or convert the backbone."""

from mlx_reward.backbones.source import build
from mlx_reward.config.base import BaseSettings
from mlx_reward.config.reader import read_section
from mlx_reward.pipeline.paths import PARAMS, Paths


def main() -> None:
    fetch_base(read_section(PARAMS, "base", BaseSettings), Paths())


def fetch_base(settings: BaseSettings, paths: Paths) -> None:
    """Write the backbone that ``settings`` name."""
    build(settings, paths.base)
    print(f"{settings.source} is in {paths.base}")
