"""Reward models on MLX: Bradley-Terry, calibrated, reproducible.

>>> from mlx_reward import RewardModel
>>> RewardModel.load("checkpoints/rm_model_bt").rank("What is 2 + 2?", ["5", "4"])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlx_reward.inference.reward_model import RewardModel as RewardModel
    from mlx_reward.inference.rl import openrlhf_function as openrlhf_function
    from mlx_reward.inference.rl import reward_function as reward_function
    from mlx_reward.inference.rl import verl_function as verl_function
    from mlx_reward.utils.errors import InputError as InputError

PUBLIC = {
    "RewardModel": "mlx_reward.inference.reward_model",
    "reward_function": "mlx_reward.inference.rl",
    "verl_function": "mlx_reward.inference.rl",
    "openrlhf_function": "mlx_reward.inference.rl",
    "InputError": "mlx_reward.utils.errors",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that what needs no model starts without
    MLX.
    """
    if name == "__version__":
        from mlx_reward.utils.install import package_version

        return package_version()
    if name in PUBLIC:
        return getattr(import_module(PUBLIC[name]), name)
    raise AttributeError(f"module 'mlx_reward' has no attribute {name!r}")
