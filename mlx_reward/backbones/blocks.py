"""The blocks of an mlx_lm model."""

from typing import Any

import mlx.nn as nn

from mlx_reward.backbones.load import transformer


def blocks(backbone: nn.Module) -> list[Any]:
    """Return them first to last; empty where the architecture keeps them under another name than
    ``layers``.
    """
    found: list[Any] = getattr(transformer(backbone), "layers", [])
    return found
