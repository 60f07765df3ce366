"""Fetch or convert the backbone."""

from mlx_reward.backbones.source import build
from mlx_reward.config.base import BaseSettings
from mlx_reward.config.reader import read_section
from mlx_reward.pipeline import paths


def main() -> None:
    settings = read_section(paths.PARAMS, "base", BaseSettings)
    build(settings, paths.BASE)
    print(f"{settings.source} is in {paths.BASE}")
