"""A reward model on disk: adapters as mlx_lm writes them, the head, and what is needed to use both again.

adapters.safetensors, adapter_config.json   open with ``mlx_lm.load(base, adapter_path=...)``
reward_head.safetensors                     weight (1, D), bias (1,)
reward_config.json                          ``RewardConfig``
"""

import dataclasses
from pathlib import Path
from typing import Any

from mlx.utils import tree_flatten
from mlx_lm.tuner.utils import load_adapters

from mlx_reward import tensors
from mlx_reward.backbone import load_backbone
from mlx_reward.backbones.digest import digest
from mlx_reward.errors import InputError
from mlx_reward.files import read_json, whole_folder, write_json
from mlx_reward.model import RewardNetwork
from mlx_reward.rendering import Renderer, load_renderer

FORMAT_VERSION = 1
REMEDY = "run `dvc repro train`, which makes it"


@dataclasses.dataclass(frozen=True)
class RewardConfig:
    """What a reward depends on besides the weights. ``reward_mean`` and ``reward_std`` are those of training responses."""

    base: str
    base_digest: str
    chat_template: str
    max_seq_length: int
    reward_mean: float
    reward_std: float
    params: dict[str, Any]
    format_version: int = FORMAT_VERSION


def save(folder: Path, model: RewardNetwork, adapter_config: dict[str, object], config: RewardConfig) -> None:
    """Write the checkpoint; ``folder`` appears whole or, on any failure, not at all."""
    adapters = dict(tree_flatten(model.backbone.trainable_parameters()))
    head = dict(tree_flatten(model.head.parameters()))
    with whole_folder(folder) as temporary:
        tensors.save(temporary / "adapters.safetensors", adapters)
        tensors.save(temporary / "reward_head.safetensors", head)
        write_json(temporary / "adapter_config.json", adapter_config)
        write_json(temporary / "reward_config.json", dataclasses.asdict(config))


def load(folder: Path, base: Path) -> tuple[RewardNetwork, Renderer, RewardConfig]:
    """The reward model in ``folder`` over the backbone in ``base``, ready to score; InputError where they do not fit."""
    config = read_config(folder)
    if digest(base) != config.base_digest:
        raise InputError(f"{folder} was trained on another backbone than {base}; {REMEDY.replace('makes', 'remakes')}")
    try:
        backbone = load_adapters(load_backbone(base), str(folder))
        model = RewardNetwork(backbone, config.params.get("head", "linear"))
        model.head.load_weights(str(folder / "reward_head.safetensors"))
    except (FileNotFoundError, ValueError, RuntimeError) as error:
        raise InputError(f"{folder}: not a whole checkpoint ({error}); {REMEDY}") from None
    model.eval()
    return model, load_renderer(base, config.max_seq_length, config.chat_template), config


def read_config(folder: Path) -> RewardConfig:
    """reward_config.json of ``folder``, of this format version."""
    path = folder / "reward_config.json"
    fields = read_json(path, REMEDY)
    if fields.get("format_version") != FORMAT_VERSION:
        raise InputError(f"{path}: format_version is {fields.get('format_version')!r}, this release reads {FORMAT_VERSION}")
    try:
        return RewardConfig(**fields)
    except TypeError as error:
        raise InputError(f"{path}: {error}; {REMEDY}") from None
