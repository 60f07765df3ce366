"""A folder with transformers' sequence classification of one label as a backbone and a reward model over it."""

from pathlib import Path
from typing import Any

import mlx.core as mx

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.folder import convert, read_config
from mlx_reward.data.chat import load_renderer
from mlx_reward.exchange import standalone
from mlx_reward.model.checkpoint import RewardConfig
from mlx_reward.utils import tensors
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import whole_folder, write_json

CLASS = "ForSequenceClassification"


def import_model(source: Path, target: Path, max_seq_length: int, bits: int | None) -> None:
    """Write backbone, reward model and a temperature of 1 into the folder ``target``, the backbone with ``bits`` a weight.

    InputError where ``source`` is no reward model with one linear head.
    """
    config = read_config(source)
    if not any(str(name).endswith(CLASS) for name in config.get("architectures", [])):
        raise InputError(
            f"{source}: its architecture is {config.get('architectures')}, not one that ends with {CLASS}"
        )
    weights: dict[str, Any] = {}
    for file in sorted(source.glob("model*.safetensors")):
        loaded: Any = mx.load(str(file))
        weights |= loaded
    head = {
        name.removeprefix("score."): weights.pop(name)
        for name in list(weights)
        if name.startswith("score.")
    }
    if head.get("weight") is None or head["weight"].shape[0] != 1:
        shape = (
            "no score.weight"
            if "weight" not in head
            else f"a score.weight of shape {tuple(head['weight'].shape)}"
        )
        raise InputError(f"{source}: {shape}; only a linear head with one label can be imported")
    head = {
        "weight": head["weight"].astype(mx.float32),
        "bias": head.get("bias", mx.zeros((1,))).astype(mx.float32),
    }
    with whole_folder(target) as temporary:
        _backbone(source, config, weights, temporary, bits)
        base = temporary / standalone.BACKBONE
        template = load_renderer(base, max_seq_length).chat_template
        params = {"fine_tune_type": "none", "head": "linear", "imported": True}
        about = RewardConfig(
            str(target / standalone.BACKBONE),
            digest(base),
            template,
            max_seq_length,
            0.0,
            1.0,
            params,
        )
        standalone.save(
            temporary, head, about, {"temperature": 1.0, "members": [{"temperature": 1.0}]}
        )


def _backbone(
    source: Path,
    config: dict[str, Any],
    weights: dict[str, mx.array],
    folder: Path,
    bits: int | None,
) -> None:
    """A language model with the embeddings for its head, which no reward needs and mlx_lm wants."""
    plain = folder / ".plain"
    (folder / standalone.BACKBONE).mkdir()
    plain.mkdir()
    for file in (f for f in source.iterdir() if f.is_file() and not f.name.startswith("model")):
        (plain / file.name).write_bytes(file.read_bytes())
    dropped = ("architectures", "id2label", "label2id", "num_labels", "problem_type")
    language_model = {k: v for k, v in config.items() if k not in dropped} | {
        "tie_word_embeddings": True
    }
    write_json(plain / "config.json", language_model)
    tensors.save(plain / "model.safetensors", weights)
    convert(plain, folder / standalone.BACKBONE, bits)
    for file in plain.iterdir():
        file.unlink()
    plain.rmdir()
