"""Tiny random models of real mlx_lm architectures, written as backbone folders.

Their tokenizer is a real byte-level one.
"""

import importlib
import json
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_map
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
COMMON = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
}
EXTRA: dict[str, dict[str, object]] = {
    "llama": {},
    "gemma": {"hidden_act": "gelu"},
    "gemma2": {
        "query_pre_attn_scalar": 8,
        "attn_logit_softcapping": 50.0,
        "final_logit_softcapping": 30.0,
        "sliding_window": 512,
    },
    "qwen2": {},
    "qwen3": {},
    "phi3": {"tie_word_embeddings": False},
}
WINDOWED: dict[str, dict[str, object]] = {  # attention over a sliding window in some of the blocks
    "gemma3_text": {"sliding_window": 16, "sliding_window_pattern": 2, "query_pre_attn_scalar": 8},
    "cohere2": {"sliding_window": 16, "sliding_window_pattern": 2, "layer_norm_eps": 1e-5},
}


def tokenizer() -> PreTrainedTokenizerFast:
    """Return a byte-level tokenizer without merges: 256 bytes and three control tokens."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(letters)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHATML,
    )


def config(architecture: str) -> dict[str, object]:
    """Return the fields of config.json."""
    return {
        "model_type": architecture,
        "vocab_size": 259,
        **COMMON,
        **(EXTRA | WINDOWED)[architecture],
    }


def model(architecture: str, seed: int = 0, **changes: object) -> nn.Module:
    """Return a language model with random weights; ``changes`` are of its config."""
    module = importlib.import_module(f"mlx_lm.models.{architecture}")
    mx.random.seed(seed)
    built = module.Model(module.ModelArgs.from_dict(config(architecture) | changes))
    built.update(_spread_parameters(built))
    mx.eval(built.parameters())
    return built


def _spread_parameters(built: nn.Module) -> dict[str, object]:
    """Return larger and noisier parameters, so that hidden states of texts differ clearly."""
    return tree_map(lambda p: p * 1.5 + 0.05 * mx.random.normal(p.shape), built.parameters())


def write_backbone(folder: Path, architecture: str = "llama", bits: int | None = None) -> Path:
    """Write a folder that mlx_lm.load opens; ``bits`` quantizes it (group size 32)."""
    folder.mkdir(parents=True, exist_ok=True)
    built = model(architecture)
    settings = config(architecture)
    if bits:
        nn.quantize(built, group_size=32, bits=bits)
        settings["quantization"] = {"group_size": 32, "bits": bits}
    mx.save_safetensors(
        str(folder / "model.safetensors"),
        dict(tree_flatten(built.parameters())),
        metadata={"format": "mlx"},
    )
    (folder / "config.json").write_text(json.dumps(settings))
    tokenizer().save_pretrained(folder)
    return folder
