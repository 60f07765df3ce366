"""A folder that needs nothing else: a backbone, and a reward model with a head and no adapters.

``fuse`` and ``import_model`` write one; ``RewardModel.load(folder / MODEL)`` opens it.
"""

from pathlib import Path
from typing import Any

from mlx_reward.model import checkpoint
from mlx_reward.model.adapters import adapter_config
from mlx_reward.model.checkpoint_config import RewardConfig
from mlx_reward.utils.files import write_json

# Names of the two folders inside, the same as in the pipeline's checkpoints/.
BACKBONE = "sft_merged_model"
MODEL = "rm_model_bt"


def save(
    folder: Path,
    head: dict[str, Any],
    config: RewardConfig,
    calibration: dict[str, Any],
) -> None:
    """Write the reward model and its calibration into ``folder``, beside the backbone."""
    weights = {"backbone": {}, "head": head}
    no_adapters = adapter_config(0, 1, 1.0, 0.0, "none")
    checkpoint.save(folder / MODEL, [weights], no_adapters, config)
    write_json(folder / "calibration.json", calibration)
