"""A llama model in a GGUF file into MLX's format: weights, config and tokenizer.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. ``mx.load`` turns Q4_0, Q4_1
and Q8_0 blocks into MLX's own quantized triples (weight, scales, biases; group size 32) and
anything else into float16.
"""

import json
from pathlib import Path
from typing import Any

import mlx.core as mx

from mlx_reward.backbones import gguf_check
from mlx_reward.backbones.gguf_tokenizer import write_tokenizer
from mlx_reward.utils import tensors
from mlx_reward.utils.errors import InputError

Metadata = dict[str, Any]
TENSORS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
FROM_HUB = "take this model from the hub instead"
GROUP_SIZE = 32  # weights a GGUF block


def convert(file: Path, target: Path) -> None:
    """Write config.json, model.safetensors and the tokenizer of ``file`` to the empty folder
    ``target``.
    """
    found, metadata = _load(file)
    try:
        _convert(found, metadata, file, target)
    except InputError:
        raise
    except Exception as error:  # whatever a field that is missing, or of another type, leads to
        reason = " ".join(f"{type(error).__name__} {error}".split())[:200]
        raise InputError(f"{file}: no llama model in GGUF ({reason}); fetch it again") from None


def _convert(found: dict[str, mx.array], metadata: Metadata, file: Path, target: Path) -> None:
    architecture = metadata.get("general.architecture")
    if architecture != "llama":
        raise InputError(
            f"{file}: architecture {architecture!r}; "
            "GGUF files of llama models are read, others from the hub"
        )
    heads = _int(metadata, "llama.attention.head_count")
    key_heads = _int(metadata, "llama.attention.head_count_kv")
    if "rope_freqs.weight" in found:
        raise InputError(f"{file}: rotary embedding scaled by a table of its own; {FROM_HUB}")
    weights = dict(
        _renamed(name, tensor, heads, key_heads) for name, tensor in sorted(found.items())
    )
    config = _config(metadata, weights) | _rope_scaling(metadata, file)
    tensors.save(target / "model.safetensors", weights)
    (target / "config.json").write_text(
        json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )
    write_tokenizer(metadata, file, target)


def _load(file: Path) -> tuple[dict[str, mx.array], Metadata]:
    gguf_check.check(file)
    try:
        loaded: Any = mx.load(str(file), format="gguf", return_metadata=True)
        found, metadata = loaded
        mx.eval(found)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{file}: not a whole GGUF file ({error}); fetch it again") from None
    return found, metadata


def _int(metadata: Metadata, key: str) -> int:
    return int(_number(metadata, key))


def _number(metadata: Metadata, key: str) -> float:
    if key not in metadata:
        raise InputError(f"GGUF metadata has no {key!r}; fetch the file again or choose another")
    return float(metadata[key].item())


def _renamed(name: str, tensor: mx.array, heads: int, key_heads: int) -> tuple[str, mx.array]:
    """Return a tensor with its name in mlx_lm, its rows in Hugging Face's order."""
    block, _, part = name.rpartition(".")
    if block in TOP:
        return f"{TOP[block]}.{part}", tensor
    _, layer, kind = block.split(".")
    if kind in ("attn_q", "attn_k"):
        tensor = unpermute(tensor, heads if kind == "attn_q" else key_heads)
    return f"model.layers.{layer}.{TENSORS[kind]}.{part}", tensor


def unpermute(rows: mx.array, heads: int) -> mx.array:
    """Undo llama.cpp's order, which pairs the two halves of each head for its rotary embedding
    (convert_hf_to_gguf.py).
    """
    return (
        rows.reshape(heads, rows.shape[0] // heads // 2, 2, *rows.shape[1:])
        .swapaxes(1, 2)
        .reshape(rows.shape)
    )


def _config(metadata: Metadata, weights: dict[str, mx.array]) -> dict[str, Any]:
    config: dict[str, Any] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": _int(metadata, "llama.embedding_length"),
        "num_hidden_layers": _int(metadata, "llama.block_count"),
        "intermediate_size": _int(metadata, "llama.feed_forward_length"),
        "num_attention_heads": _int(metadata, "llama.attention.head_count"),
        "num_key_value_heads": _int(metadata, "llama.attention.head_count_kv"),
        "rms_norm_eps": round(_number(metadata, "llama.attention.layer_norm_rms_epsilon"), 10),
        "rope_theta": _number(metadata, "llama.rope.freq_base")
        if "llama.rope.freq_base" in metadata
        else 10000.0,
        "max_position_embeddings": _int(metadata, "llama.context_length"),
        "vocab_size": len(metadata["tokenizer.ggml.tokens"]),
        "tie_word_embeddings": "lm_head.weight" not in weights,
        "bos_token_id": _int(metadata, "tokenizer.ggml.bos_token_id"),
        "eos_token_id": _int(metadata, "tokenizer.ggml.eos_token_id"),
    }
    bits = {name: _bits(name, weights) for name in weights if name.endswith(".scales")}
    if bits:
        common = max(bits.values(), key=list(bits.values()).count)
        config["quantization"] = {"group_size": GROUP_SIZE, "bits": common, "mode": "affine"} | {
            name.removesuffix(".scales"): {"group_size": GROUP_SIZE, "bits": b}
            for name, b in bits.items()
            if b != common
        }
    return config


def _rope_scaling(metadata: Metadata, file: Path) -> dict[str, Any]:
    """Return config.json's rope_scaling; InputError for a kind that GGUF does not tell whole."""
    kind = metadata.get("llama.rope.scaling.type", "none")
    if kind == "none":
        return {}
    if kind != "linear":
        raise InputError(f"{file}: rotary embedding scaled by {kind!r}; {FROM_HUB}")
    factor = _number(metadata, "llama.rope.scaling.factor")
    return {"rope_scaling": {"type": "linear", "factor": factor}}


def _bits(scales: str, weights: dict[str, mx.array]) -> int:
    packed = weights[scales.replace(".scales", ".weight")]
    return packed.shape[-1] * 32 // (weights[scales].shape[-1] * GROUP_SIZE)
