"""A reward model with its adapters merged into its backbone, in MLX's own format: a folder that needs nothing else."""

import dataclasses
from pathlib import Path

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.folder import convert, read_config
from mlx_reward.exchange import standalone
from mlx_reward.exchange.merging import UNQUANTIZED, load_member, merged
from mlx_reward.model import checkpoint
from mlx_reward.utils import tensors
from mlx_reward.utils.files import read_json, whole_folder, write_json


def fuse(folder: Path, base: Path, target: Path, member: int = 1, dtype: str = "float32") -> None:
    """Write backbone, head and calibration of the model in ``folder`` over ``base`` to the folder ``target``, not quantized.

    Of an ensemble it is the ``member``, from 1 on, with its own calibration.
    """
    network, _ = load_member(folder, base, member)
    config = checkpoint.read_config(folder)
    calibration = read_json(
        folder.parent / "calibration.json", "run `dvc repro calibrate`, which makes it"
    )
    members = calibration.get("members", [])
    own = (
        members[member - 1]
        if len(members) > 1
        else {k: v for k, v in calibration.items() if k in ("temperature", "knots")}
    )
    with whole_folder(target) as temporary:
        backbone = temporary / standalone.BACKBONE
        backbone.mkdir()
        convert(base, backbone, None)
        for file in backbone.glob("model*.safetensors*"):
            file.unlink()
        tensors.save(backbone / "model.safetensors", merged(network, dtype))
        fields = {k: v for k, v in read_config(base).items() if k not in UNQUANTIZED}
        write_json(backbone / "config.json", fields | {"dtype": dtype})
        params = config.params | {"fine_tune_type": "none", "members": 1}
        about = dataclasses.replace(
            config,
            base=str(target / standalone.BACKBONE),
            base_digest=digest(backbone),
            params=params,
        )
        standalone.save(
            temporary, network.head.parameters(), about, calibration | own | {"members": [own]}
        )
