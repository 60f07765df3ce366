"""Fetch or convert the backbone.

python -m stages.base
"""

import sys

from mlx_reward.backbones.source import build
from mlx_reward.errors import run
from mlx_reward.settings.base import BaseSettings
from mlx_reward.settings.reader import read_section
from stages import paths


def main() -> None:
    settings = read_section(paths.PARAMS, "base", BaseSettings)
    build(settings, paths.BASE)
    print(f"{settings.source} is in {paths.BASE}")


if __name__ == "__main__":
    sys.exit(run(main))
