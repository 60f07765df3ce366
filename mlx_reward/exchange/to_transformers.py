"""A reward model as a folder that ``AutoModelForSequenceClassification.from_pretrained`` opens: merged, not quantized."""

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.utils import dequantize_model
from transformers import AutoTokenizer

from mlx_reward import checkpoint, tensors
from mlx_reward.backbone import widen
from mlx_reward.backbones.folder import read_config
from mlx_reward.errors import InputError
from mlx_reward.exchange.model_card import model_card
from mlx_reward.files import whole_folder, write_json
from mlx_reward.model import RewardNetwork

CLASSES = {
    "llama": "LlamaForSequenceClassification",
    "mistral": "MistralForSequenceClassification",
    "gemma": "GemmaForSequenceClassification",
    "gemma2": "Gemma2ForSequenceClassification",
    "qwen2": "Qwen2ForSequenceClassification",
    "qwen3": "Qwen3ForSequenceClassification",
    "phi3": "Phi3ForSequenceClassification",
}
DTYPES = {"float32": mx.float32, "bfloat16": mx.bfloat16}


def export(
    folder: Path, base: Path, target: Path, member: int = 1, dtype: str = "float32", evidence: Path | None = None
) -> float:
    """Write the model in ``folder`` over ``base`` to ``target``; returns what transformers' scores lack, the head's bias.

    Of an ensemble it is the ``member``, from 1 on. ``evidence``: metrics/eval.json, for the model card. InputError where
    transformers has no class for it.
    """
    base_config = read_config(base)
    name = CLASSES.get(base_config["model_type"])
    if name is None:
        raise InputError(f"export knows no {base_config['model_type']}; it can export {', '.join(CLASSES)}")
    ensemble, renderer, config = checkpoint.load(folder, base)
    if not 1 <= member <= len(ensemble.members):
        raise InputError(f"--member {member}: the model has {len(ensemble.members)}")
    ensemble.network.update(ensemble.members[member - 1])
    if not isinstance(ensemble.network.head, nn.Linear):
        raise InputError("transformers' head is one linear layer; train with train.head: linear to export")
    weights = {n: w.astype(DTYPES[dtype]) for n, w in _merged(ensemble.network).items()}
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    tokenizer.chat_template = renderer.chat_template
    tokenizer.pad_token = _padding(tokenizer, renderer.last_token)
    bias = float(np.array(ensemble.network.head.bias)[0])
    with whole_folder(target) as temporary:
        tensors.save(temporary / "model.safetensors", weights)
        write_json(temporary / "config.json", _config(base_config, name, tokenizer, dtype))
        tokenizer.save_pretrained(temporary)
        figures = json.loads(evidence.read_text()) if evidence is not None and evidence.exists() else {}
        (temporary / "README.md").write_text(model_card(config, figures, bias), encoding="utf-8")
    return bias


def _merged(network: RewardNetwork) -> dict[str, mx.array]:
    """Weights by transformers' names, which are mlx_lm's too, adapters merged in float32."""
    backbone = network.backbone
    widen(backbone)
    fused = [(name, m.fuse(dequantize=True)) for name, m in backbone.named_modules() if hasattr(m, "fuse")]
    if fused:
        backbone.update_modules(tree_unflatten(fused))
    flat: Any = tree_flatten(dequantize_model(backbone).parameters())
    return {name: w for name, w in flat if not name.startswith("lm_head")} | {"score.weight": network.head.weight}


def _padding(tokenizer: Any, last: str | None) -> str:
    """A token that no text ends with, for transformers reads the reward at the last token that is not padding."""
    candidates = [tokenizer.pad_token, *(t.content for t in tokenizer.added_tokens_decoder.values() if t.special)]
    found: str | None = next((token for token in candidates if token is not None and token != last), None)
    if found is None:
        raise InputError("the tokenizer has no special token to pad with, besides that which ends every text")
    return found


def _config(base: dict[str, Any], name: str, tokenizer: Any, dtype: str) -> dict[str, Any]:
    kept = {k: v for k, v in base.items() if k not in ("quantization", "quantization_config", "torch_dtype", "dtype")}
    labels = {"id2label": {"0": "reward"}, "label2id": {"reward": 0}}
    ids = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": base.get("eos_token_id", tokenizer.eos_token_id)}
    return kept | labels | ids | {"architectures": [name], "dtype": dtype}
