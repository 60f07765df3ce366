"""Where a reward model lies: a folder, or a repo of the Hugging Face hub that holds one."""

import re
from pathlib import Path

from mlx_reward.backbones import hub
from mlx_reward.model.checkpoint_config import read_reward_config
from mlx_reward.utils.errors import InputError

PATTERNS = [*hub.PATTERNS, "*.safetensors"]  # data only, no code
CONFIG = "reward_config.json"
CHECKPOINT = "rm_model_bt"  # its folder within what stage train leaves in checkpoints/


def find_checkpoint(name: str | Path, revision: str | None = None) -> Path:
    """Return the checkpoint folder of ``name``, a folder or a hub id like "owner/name".

    The folder, or the repo, is the checkpoint itself, or holds it as ``rm_model_bt``, as
    checkpoints/ does. InputError where neither is there.
    """
    folder = Path(name).expanduser()
    if not folder.exists() and re.fullmatch(r"[\w.-]+/[\w.-]+", str(name)):
        folder = hub.download(str(name), revision, PATTERNS, "the reward model")
    for place in (folder, folder / CHECKPOINT):
        if (place / CONFIG).is_file():
            return place
    what = "not there" if not folder.exists() else f"no reward model, for it holds no {CONFIG}"
    raise InputError(f"{name}: {what}; name a folder that `mlx-reward train` wrote, or a hub id")


def calibration_of(folder: Path) -> Path:
    """Return the calibration of the checkpoint in ``folder``: beside it, or in it."""
    within = folder / "calibration.json"
    return within if within.is_file() else folder.parent / "calibration.json"


def backbone_of(folder: Path) -> Path:
    """Return the backbone's folder of the checkpoint in ``folder``.

    That is a folder beside it with the recorded name, or else the recorded path itself.
    """
    recorded = Path(read_reward_config(folder).base)
    beside = folder.parent / recorded.name
    return beside if beside.exists() else recorded
