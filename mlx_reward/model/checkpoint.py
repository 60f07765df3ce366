"""A reward model on disk: adapters as mlx_lm writes them, the head, and what both need.

adapters.safetensors, adapter_config.json   open with ``mlx_lm.load(base, adapter_path=...)``
reward_head.safetensors                     weight (1, D), bias (1,)
reward_config.json                          ``RewardConfig``
member-2, member-3...                       the first three again for each further member

Fully trained blocks (``fine_tune_type`` full) are whole float32 weights, for which a quantized
backbone has no place in mlx_lm: there ``mlx-reward export --to mlx`` writes a folder that
``mlx_lm.load`` opens.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.tuner.utils import load_adapters

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.load import load_backbone, unfreeze_last
from mlx_reward.model.checkpoint_config import (
    REMEDY,
    RewardConfig,
    check_adapter_config,
    read_reward_config,
)
from mlx_reward.model.network import RewardNetwork
from mlx_reward.utils import tensors
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import whole_folder, write_json

ADAPTERS = "adapters.safetensors"
HEAD = "reward_head.safetensors"
Tree = dict[str, Any]  # of arrays, as network.update takes it


def save(
    folder: Path, members: Sequence[Tree], adapter_config: dict[str, object], config: RewardConfig
) -> None:
    """Write the trained weights of each of ``members``; ``folder`` appears whole or, on any
    failure, not at all.
    """
    with whole_folder(folder) as temporary:
        for member, place in zip(members, _folders(temporary, len(members)), strict=True):
            place.mkdir(exist_ok=True)
            tensors.save(place / ADAPTERS, dict(tree_flatten(member["backbone"])))
            tensors.save(place / HEAD, dict(tree_flatten(member["head"])))
            write_json(place / "adapter_config.json", adapter_config)
        write_json(temporary / "reward_config.json", dataclasses.asdict(config))


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A reward model read from disk.

    ``members``: the trained weights of each, as trees for ``network.update``; ``network`` holds
    those of the first.
    """

    network: RewardNetwork
    members: list[Tree]
    config: RewardConfig


def load(folder: Path, base: Path) -> Checkpoint:
    """Read the reward model in ``folder`` over the backbone in ``base``; InputError where they do
    not fit.
    """
    config = read_reward_config(folder)
    if digest(base) != config.base_digest:
        raise InputError(
            f"{folder} was trained on another backbone than {base}; "
            "run `dvc repro train`, which remakes it"
        )
    params = config.used_params
    try:
        backbone = load_backbone(base)
        if params.fine_tune_type == "full":
            unfreeze_last(backbone, params.num_layers)
        if params.fine_tune_type != "none":  # as with an imported model
            check_adapter_config(folder)
            tensors.check(folder / ADAPTERS)
            backbone = load_adapters(backbone, str(folder))
        model = RewardNetwork(backbone, params.head)
        members = [_read(place, model) for place in _folders(folder, params.members)]
        model.update(members[0])
    except (FileNotFoundError, ValueError, RuntimeError) as error:
        raise InputError(f"{folder}: not a whole checkpoint ({error}); {REMEDY}") from None
    model.eval()
    mx.eval(model.parameters(), members)  # now, for another thread could not
    return Checkpoint(model, members, config)


def _folders(folder: Path, members: int) -> list[Path]:
    return [folder, *(folder / f"member-{number}" for number in range(2, members + 1))]


def _read(folder: Path, model: RewardNetwork) -> Tree:
    """Return trained weights for ``model``, as a tree; ValueError where they are not for it."""
    names = {"backbone": ADAPTERS, "head": HEAD}
    found: dict[str, Any] = {part: tensors.load(folder / name) for part, name in names.items()}
    for part, weights in found.items():
        own = dict(tree_flatten(model[part].trainable_parameters()))
        if {n: w.shape for n, w in weights.items()} != {n: w.shape for n, w in own.items()}:
            raise ValueError(f"{folder / names[part]} holds other weights than the model has")
        _require_finite(folder / names[part], weights)
    return {part: tree_unflatten(sorted(weights.items())) for part, weights in found.items()}


def _require_finite(path: Path, weights: dict[str, mx.array]) -> None:
    """Raise ValueError where a weight is NaN or infinite, for so would be every reward."""
    for name, weight in weights.items():
        if not mx.isfinite(weight).all().item():
            raise ValueError(f"{path}: {name} is not finite")
