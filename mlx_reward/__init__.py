"""Reward models on MLX: Bradley-Terry, calibrated, reproducible.

>>> from mlx_reward import RewardModel
>>> RewardModel.load("checkpoints/rm_model_bt").rank("What is 2 + 2?", ["5", "4"])
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mlx_reward import cpu

if TYPE_CHECKING:
    from mlx_reward.reward_model import RewardModel as RewardModel

os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # it would tell everyone that PyTorch is missing
BLAS = cpu.prepare()  # before mlx is imported anywhere


def __getattr__(name: str) -> Any:
    """``RewardModel``, imported when first asked for: stages that need no model start without MLX."""
    if name == "RewardModel":
        return import_module("mlx_reward.reward_model").RewardModel
    raise AttributeError(f"module 'mlx_reward' has no attribute {name!r}")
