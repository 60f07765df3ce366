"""Export of a reward model as a folder that transformers opens.

``AutoModelForSequenceClassification.from_pretrained`` loads it; weights are fused, not quantized.
"""

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from transformers import AutoTokenizer

from mlx_reward.backbones.folder import read_config
from mlx_reward.exchange.fused_weights import (
    DTYPES,
    QUANTIZATION_FIELDS,
    fused_weights,
    load_member,
)
from mlx_reward.exchange.model_card import CardFacts, model_card
from mlx_reward.model.checkpoint_config import read_reward_config
from mlx_reward.model.network import RewardNetwork
from mlx_reward.utils import tensors
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import write_json
from mlx_reward.utils.outputs import output_folder

NOTHING_KNOWN = CardFacts()
ARCHITECTURES = {  # by model_type
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
    overwrite: bool = False,
    facts: CardFacts = NOTHING_KNOWN,
) -> float:
    """Write the model in ``folder`` over the backbone ``base`` to the folder ``target``.

    Of an ensemble it is one ``member``, counted from 1. ``evidence`` is metrics/eval.json, shown
    in the model card beside ``facts``; for ``overwrite`` see ``utils.outputs.output_folder``.
    Returns the head's bias, which transformers' scores lack. InputError where transformers has no
    class for the model.
    """
    sources = [folder, base, *([evidence] if evidence is not None else [])]
    with output_folder(target, sources, overwrite) as temporary:
        bias = _write(temporary, folder, base, member, dtype)
        figures = {}
        if evidence is not None and evidence.exists():
            figures = json.loads(evidence.read_text())
        card = model_card(read_reward_config(folder), figures, bias, facts)
        (temporary / "README.md").write_text(card, encoding="utf-8")
    return bias


def _write(target: Path, folder: Path, base: Path, member: int, dtype: str) -> float:
    """Write weights, config and tokenizer to ``target`` and return the head's bias."""
    base_config = read_config(base)
    architecture = ARCHITECTURES.get(base_config["model_type"])
    if architecture is None:
        raise InputError(
            f"export knows no {base_config['model_type']}; it can export {', '.join(ARCHITECTURES)}"
        )
    network, renderer = load_member(folder, base, member)
    if not isinstance(network.head, nn.Linear):
        raise InputError(
            "transformers' head is one linear layer; train with train.head: linear to export"
        )
    bias = float(np.array(network.head.bias)[0])
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True, trust_remote_code=False)
    tokenizer.chat_template = renderer.dated_template
    tokenizer.pad_token = _pad_token(tokenizer, renderer.last_token)
    config = _config(base_config, architecture, tokenizer, dtype)
    tensors.save(target / "model.safetensors", _weights(network, dtype))
    write_json(target / "config.json", config)
    _save_tokenizer(tokenizer, target)
    return bias


def _weights(network: RewardNetwork, dtype: str) -> dict[str, mx.array]:
    """Return the backbone's weights without a language-model head, and the reward head's."""
    weights = {
        name: weight
        for name, weight in fused_weights(network, dtype).items()
        if not name.startswith("lm_head")
    }
    return weights | {"score.weight": network.head.weight.astype(DTYPES[dtype])}


def _pad_token(tokenizer: Any, last_token: str | None) -> str:
    """Return a special token that no rendered text ends with.

    transformers reads the reward at the last token that is not padding.
    """
    special = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    for token in (tokenizer.pad_token, *special):
        if token is not None and token != last_token:
            return str(token)
    raise InputError(
        "the tokenizer has no special token to pad with, besides that which ends every text"
    )


def _save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Save the tokenizer so that transformers 4, on which RewardBench still runs, opens it too.

    It yields no more inputs than the model takes.
    """
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    fields = json.loads(path.read_text())
    if fields.get("tokenizer_class") == "TokenizersBackend":
        fields["tokenizer_class"] = "PreTrainedTokenizerFast"
    write_json(path, fields | {"model_input_names": ["input_ids", "attention_mask"]})


def _config(
    base_config: dict[str, Any], architecture: str, tokenizer: Any, dtype: str
) -> dict[str, Any]:
    """Return config.json of a classifier with the one label "reward"."""
    fields = {name: base_config[name] for name in base_config if name not in QUANTIZATION_FIELDS}
    return fields | {
        "id2label": {"0": "reward"},
        "label2id": {"reward": 0},
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": base_config.get("eos_token_id", tokenizer.eos_token_id),
        "architectures": [architecture],
        "dtype": dtype,
    }
