"""A reward model on disk: adapters as mlx_lm writes them, the head, and what both need.

adapters.safetensors, adapter_config.json   open with ``mlx_lm.load(base, adapter_path=...)``
reward_head.safetensors                     weight (1, D), bias (1,)
reward_config.json                          ``RewardConfig``
member-2, member-3...                       the first three again for each further member
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
from mlx_reward.model.network import RewardNetwork
from mlx_reward.utils import tensors
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import read_json, whole_folder, write_json

Tree = dict[str, Any]  # of arrays, as network.update takes it
FORMAT_VERSION = 1
REMEDY = "run `dvc repro train`, which makes it"


@dataclasses.dataclass(frozen=True)
class RewardConfig:
    """What a reward depends on besides the weights.

    ``reward_mean`` and ``reward_std`` are those of training responses. ``template_date``: the date
    that ``chat_template`` is given as today's, YYYY-MM-DD, where it asks for one.
    """

    base: str
    base_digest: str
    chat_template: str
    max_seq_length: int
    reward_mean: float
    reward_std: float
    params: dict[str, Any]
    format_version: int = FORMAT_VERSION
    template_date: str | None = None  # absent from older checkpoints

    @property
    def rendering(self) -> dict[str, Any]:
        """How texts are rendered, as data/chat.py's ``load_renderer`` takes it."""
        return {
            "max_seq_length": self.max_seq_length,
            "chat_template": self.chat_template,
            "template_date": self.template_date,
        }


def save(
    folder: Path, members: Sequence[Tree], adapter_config: dict[str, object], config: RewardConfig
) -> None:
    """Write the trained weights of each of ``members``; ``folder`` appears whole or, on any
    failure, not at all.
    """
    with whole_folder(folder) as temporary:
        for member, place in zip(members, _folders(temporary, len(members)), strict=True):
            place.mkdir(exist_ok=True)
            tensors.save(place / "adapters.safetensors", dict(tree_flatten(member["backbone"])))
            tensors.save(place / "reward_head.safetensors", dict(tree_flatten(member["head"])))
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
    config = read_config(folder)
    if digest(base) != config.base_digest:
        raise InputError(
            f"{folder} was trained on another backbone than {base}; "
            "run `dvc repro train`, which remakes it"
        )
    try:
        backbone = load_backbone(base)
        if config.params.get("fine_tune_type") == "full":
            unfreeze_last(backbone, config.params["num_layers"])
        if config.params.get("fine_tune_type") != "none":  # as with an imported model
            backbone = load_adapters(backbone, str(folder))
        model = RewardNetwork(backbone, config.params.get("head", "linear"))
        members = [
            _read(place, model) for place in _folders(folder, config.params.get("members", 1))
        ]
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
    names = {"backbone": "adapters.safetensors", "head": "reward_head.safetensors"}
    found: dict[str, Any] = {part: mx.load(str(folder / name)) for part, name in names.items()}
    for part, weights in found.items():
        own = dict(tree_flatten(model[part].trainable_parameters()))
        if {n: w.shape for n, w in weights.items()} != {n: w.shape for n, w in own.items()}:
            raise ValueError(f"{folder / names[part]} holds other weights than the model has")
        odd = [name for name, weight in weights.items() if not mx.isfinite(weight).all().item()]
        if odd:
            raise ValueError(f"{folder / names[part]} holds NaN or infinity in {odd[0]}")
    return {part: tree_unflatten(sorted(weights.items())) for part, weights in found.items()}


def read_config(folder: Path) -> RewardConfig:
    """Return reward_config.json of ``folder``; InputError where it is of another format version."""
    path = folder / "reward_config.json"
    fields = read_json(path, REMEDY)
    if fields.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{path}: format_version is {fields.get('format_version')!r}, "
            f"this release reads {FORMAT_VERSION}"
        )
    try:
        return RewardConfig(**fields)
    except TypeError as error:
        raise InputError(f"{path}: {error}; {REMEDY}") from None
