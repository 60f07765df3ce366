"""A reward model as a folder that ``AutoModelForSequenceClassification.from_pretrained`` opens: merged, not quantized."""

import json
from pathlib import Path
from typing import Any

import mlx.nn as nn
import numpy as np
from transformers import AutoTokenizer

from mlx_reward.backbones.folder import read_config
from mlx_reward.exchange.merging import DTYPES, UNQUANTIZED, load_member, merged
from mlx_reward.exchange.model_card import model_card
from mlx_reward.model import checkpoint
from mlx_reward.utils import tensors
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import whole_folder, write_json

CLASSES = {
    "llama": "LlamaForSequenceClassification",
    "mistral": "MistralForSequenceClassification",
    "gemma": "GemmaForSequenceClassification",
    "gemma2": "Gemma2ForSequenceClassification",
    "qwen2": "Qwen2ForSequenceClassification",
    "qwen3": "Qwen3ForSequenceClassification",
    "phi3": "Phi3ForSequenceClassification",
}


def export(
    folder: Path,
    base: Path,
    target: Path,
    member: int = 1,
    dtype: str = "float32",
    evidence: Path | None = None,
) -> float:
    """Write the model in ``folder`` over ``base`` to ``target``; returns what transformers' scores lack, the head's bias.

    Of an ensemble it is the ``member``, from 1 on. ``evidence``: metrics/eval.json, for the model card. InputError where
    transformers has no class for it.
    """
    base_config = read_config(base)
    name = CLASSES.get(base_config["model_type"])
    if name is None:
        raise InputError(
            f"export knows no {base_config['model_type']}; it can export {', '.join(CLASSES)}"
        )
    network, renderer = load_member(folder, base, member)
    if not isinstance(network.head, nn.Linear):
        raise InputError(
            "transformers' head is one linear layer; train with train.head: linear to export"
        )
    weights = {
        name: weight
        for name, weight in merged(network, dtype).items()
        if not name.startswith("lm_head")
    }
    weights["score.weight"] = network.head.weight.astype(DTYPES[dtype])
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    tokenizer.chat_template = renderer.chat_template
    tokenizer.pad_token = _padding(tokenizer, renderer.last_token)
    bias = float(np.array(network.head.bias)[0])
    with whole_folder(target) as temporary:
        tensors.save(temporary / "model.safetensors", weights)
        write_json(temporary / "config.json", _config(base_config, name, tokenizer, dtype))
        _save_tokenizer(tokenizer, temporary)
        figures = (
            json.loads(evidence.read_text()) if evidence is not None and evidence.exists() else {}
        )
        (temporary / "README.md").write_text(
            model_card(checkpoint.read_config(folder), figures, bias), encoding="utf-8"
        )
    return bias


def _padding(tokenizer: Any, last: str | None) -> str:
    """A token that no text ends with, for transformers reads the reward at the last token that is not padding."""
    candidates = [
        tokenizer.pad_token,
        *(t.content for t in tokenizer.added_tokens_decoder.values() if t.special),
    ]
    found: str | None = next(
        (token for token in candidates if token is not None and token != last), None
    )
    if found is None:
        raise InputError(
            "the tokenizer has no special token to pad with, besides that which ends every text"
        )
    return found


def _save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """So that transformers 4, which RewardBench and others still run on, opens it and feeds the model no more than it takes."""
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    fields = json.loads(path.read_text())
    if fields.get("tokenizer_class") == "TokenizersBackend":
        fields["tokenizer_class"] = "PreTrainedTokenizerFast"
    write_json(path, fields | {"model_input_names": ["input_ids", "attention_mask"]})


def _config(base: dict[str, Any], name: str, tokenizer: Any, dtype: str) -> dict[str, Any]:
    kept = {k: v for k, v in base.items() if k not in UNQUANTIZED}
    labels = {"id2label": {"0": "reward"}, "label2id": {"reward": 0}}
    ids = {
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": base.get("eos_token_id", tokenizer.eos_token_id),
    }
    return kept | labels | ids | {"architectures": [name], "dtype": dtype}
