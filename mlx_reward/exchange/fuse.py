"""A reward model with its adapters fused into its backbone, in MLX's own format.

As ``mlx_lm.fuse`` does for language models: the folder needs neither adapters nor another backbone.
"""

import dataclasses
from pathlib import Path
from typing import Any

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.folder import convert, read_config
from mlx_reward.exchange import standalone
from mlx_reward.exchange.fused_weights import QUANTIZATION_FIELDS, fused_weights, load_member
from mlx_reward.model.checkpoint_config import read_reward_config
from mlx_reward.model.network import RewardNetwork
from mlx_reward.utils import tensors
from mlx_reward.utils.files import read_json, write_json
from mlx_reward.utils.outputs import output_folder


def fuse(
    folder: Path,
    base: Path,
    target: Path,
    member: int = 1,
    dtype: str = "float32",
    overwrite: bool = False,
) -> None:
    """Write the model in ``folder`` over ``base`` to the folder ``target``, not quantized.

    Of an ensemble it is one ``member``, counted from 1, with its own calibration. For ``overwrite``
    see ``utils.outputs.output_folder``.
    """
    calibration_file = folder.parent / "calibration.json"
    sources = [folder, base, calibration_file]
    with output_folder(target, sources, overwrite) as temporary:
        network, _ = load_member(folder, base, member)
        config = read_reward_config(folder)
        remedy = "run `dvc repro calibrate`, which makes it"
        calibration = read_json(calibration_file, remedy)
        own_calibration = _calibration_of(calibration, member)
        backbone = temporary / standalone.BACKBONE
        _write_backbone(network, base, backbone, dtype)
        config = dataclasses.replace(
            config,
            base=str(target / standalone.BACKBONE),
            base_digest=digest(backbone),
            params=config.params | {"fine_tune_type": "none", "members": 1},
        )
        calibration = calibration | own_calibration | {"members": [own_calibration]}
        standalone.save(temporary, network.head.parameters(), config, calibration)


def _calibration_of(calibration: dict[str, Any], member: int) -> dict[str, Any]:
    """Return the calibration of one model; a model alone has the calibration of the whole."""
    members = calibration.get("members", [])
    if len(members) > 1:
        own: dict[str, Any] = members[member - 1]
        return own
    return {name: calibration[name] for name in ("temperature", "knots") if name in calibration}


def _write_backbone(network: RewardNetwork, base: Path, target: Path, dtype: str) -> None:
    """Write the files of the backbone ``base``, with fused weights, to the folder ``target``."""
    target.mkdir()
    convert(base, target, None)
    for file in target.glob("model*.safetensors*"):
        file.unlink()
    tensors.save(target / "model.safetensors", fused_weights(network, dtype))
    config = read_config(base)
    fields = {name: config[name] for name in config if name not in QUANTIZATION_FIELDS}
    write_json(target / "config.json", fields | {"dtype": dtype})
