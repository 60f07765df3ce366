"""Import of a ``...ForSequenceClassification`` model with one label, as transformers saves it.

Its layers become a backbone, its score layer becomes the head of a reward model.
"""

from pathlib import Path
from typing import Any

import mlx.core as mx

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.folder import convert, read_config
from mlx_reward.data.chat import load_renderer
from mlx_reward.exchange import standalone
from mlx_reward.model.checkpoint_config import RewardConfig
from mlx_reward.utils import tensors
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import write_json
from mlx_reward.utils.outputs import output_folder

CLASS_SUFFIX = "ForSequenceClassification"
# Fields of config.json that describe a classifier.
CLASSIFIER_FIELDS = ("architectures", "id2label", "label2id", "num_labels", "problem_type")


def import_model(
    source: Path, target: Path, max_seq_length: int, bits: int | None, overwrite: bool = False
) -> None:
    """Write the model in ``source`` as backbone and reward model to the folder ``target``.

    The backbone is quantized to ``bits`` per weight, or not at all; the temperature is 1. For
    ``overwrite`` see ``utils.outputs.output_folder``. InputError if ``source`` is no reward model
    with one linear head.
    """
    with output_folder(target, [source], overwrite) as temporary:
        config = _classifier_config(source)
        weights = _load_weights(source)
        head = _pop_head(source, weights)
        backbone = temporary / standalone.BACKBONE
        _write_backbone(source, config, weights, backbone, bits)
        renderer = load_renderer(backbone, max_seq_length)
        reward_config = RewardConfig(
            base=str(target / standalone.BACKBONE),
            base_digest=digest(backbone),
            chat_template=renderer.chat_template,
            max_seq_length=max_seq_length,
            reward_mean=0.0,
            reward_std=1.0,
            params={"fine_tune_type": "none", "head": "linear", "imported": True},
            template_date=renderer.template_date,
        )
        calibration = {"temperature": 1.0, "members": [{"temperature": 1.0}]}
        standalone.save(temporary, head, reward_config, calibration)


def _classifier_config(source: Path) -> dict[str, Any]:
    config = read_config(source)
    architectures = config.get("architectures", [])
    if not any(str(name).endswith(CLASS_SUFFIX) for name in architectures):
        raise InputError(
            f"{source}: its architecture is {config.get('architectures')}, "
            f"not one that ends with {CLASS_SUFFIX}"
        )
    return config


def _load_weights(source: Path) -> dict[str, mx.array]:
    """Return the weights of all shards."""
    weights: dict[str, mx.array] = {}
    for file in sorted(source.glob("model*.safetensors")):
        try:
            weights |= tensors.load(file)
        except ValueError as error:
            raise InputError(f"{error}; fetch it again") from None
    return weights


def _pop_head(source: Path, weights: dict[str, mx.array]) -> dict[str, mx.array]:
    """Take the score layer out of ``weights`` and return it as a head in float32."""
    names = [name for name in weights if name.startswith("score.")]
    head = {name.removeprefix("score."): weights.pop(name) for name in names}
    weight = head.get("weight")
    if weight is None or weight.shape[0] != 1:
        problem = "no score.weight"
        if weight is not None:
            problem = f"a score.weight of shape {tuple(weight.shape)}"
        raise InputError(f"{source}: {problem}; only a linear head with one label can be imported")
    bias = head.get("bias", mx.zeros((1,)))
    return {"weight": weight.astype(mx.float32), "bias": bias.astype(mx.float32)}


def _write_backbone(
    source: Path,
    config: dict[str, Any],
    weights: dict[str, mx.array],
    target: Path,
    bits: int | None,
) -> None:
    """Write a language model that mlx_lm opens to the folder ``target``.

    mlx_lm wants a language-model head, which no reward needs: the embeddings stand in for it.
    """
    plain = target.parent / ".plain"
    target.mkdir()
    plain.mkdir()
    for file in source.iterdir():
        if file.is_file() and not file.name.startswith("model"):
            (plain / file.name).write_bytes(file.read_bytes())
    fields = {name: config[name] for name in config if name not in CLASSIFIER_FIELDS}
    write_json(plain / "config.json", fields | {"tie_word_embeddings": True})
    tensors.save(plain / "model.safetensors", weights)
    convert(plain, target, bits)
    for file in plain.iterdir():
        file.unlink()
    plain.rmdir()
