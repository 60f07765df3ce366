"""A folder with a backbone and a reward model over it that has a head and no adapters, and its calibration."""

from pathlib import Path
from typing import Any

from mlx_reward.model import checkpoint
from mlx_reward.model.adapters import adapter_config
from mlx_reward.utils.files import write_json

BACKBONE, MODEL = "sft_merged_model", "rm_model_bt"  # as the pipeline calls them


def save(
    folder: Path, head: dict[str, Any], about: checkpoint.RewardConfig, calibration: dict[str, Any]
) -> None:
    """Write all but the backbone into ``folder``."""
    checkpoint.save(
        folder / MODEL,
        [{"backbone": {}, "head": head}],
        adapter_config(0, 1, 1.0, 0.0, "none"),
        about,
    )
    write_json(folder / "calibration.json", calibration)
