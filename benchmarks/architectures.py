"""Which of mlx_lm's architectures train, save, reload and score identically, on tiny random models
of each.

python benchmarks/architectures.py > benchmarks/architectures.md

A configuration is made up from the names of its fields. An architecture that cannot be built from
it is named with the reason; that is a limit of this script, not of mlx-reward.
"""

import dataclasses
import json
import pkgutil
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import mlx_reward.cpu  # noqa: F401  # before mlx

# isort: split
import mlx.core as mx
import mlx.nn as nn
import mlx_lm.models
import numpy as np
from mlx.utils import tree_flatten, tree_map
from mlx_lm.tuner.utils import load_adapters

from mlx_reward.engine.engine import Engine, score
from mlx_reward.model.adapters import adapter_config, with_adapters
from mlx_reward.model.network import RewardNetwork

LORA: dict[str, Any] = {"rank": 4, "scale": 2.0, "dropout": 0.0}
VOCABULARY = 64
# Fields of ModelArgs by the value they get.
FIELDS: list[tuple[Any, str]] = [
    (64, "vocab_size intermediate_size intermediate_size_mlp"),
    (
        32,
        "hidden_size n_embd d_model moe_intermediate_size shared_expert_intermediate_size dim_model_base",
    ),
    (
        2,
        "num_hidden_layers num_key_value_heads n_layer n_layers num_experts_per_tok sliding_window_pattern "
        "num_layers eos_token_id",
    ),
    (
        4,
        "num_attention_heads n_head n_heads num_experts num_local_experts n_routed_experts num_heads "
        "conv_kernel time_step_rank",
    ),
    (
        8,
        "head_dim query_pre_attn_scalar qk_rope_head_dim qk_nope_head_dim v_head_dim state_size rotary_dim",
    ),
    (1e-05, "rms_norm_eps layer_norm_eps norm_eps layer_norm_epsilon norm_epsilon"),
    (10000.0, "rope_theta"),
    (256, "max_position_embeddings n_positions n_ctx"),
    (True, "tie_word_embeddings norm_topk_prob use_conv_bias"),
    (1, "n_shared_experts decoder_sparse_step n_group topk_group bos_token_id"),
    ([], "mlp_only_layers"),
    (16, "sliding_window kv_lora_rank q_lora_rank"),
    (
        1.0,
        "partial_rotary_factor logit_scale scale_emb logits_scaling embedding_multiplier residual_multiplier "
        "rotary_pct routed_scaling_factor",
    ),
    (False, "attention_bias mlp_bias use_qkv_bias use_bias"),
    (50.0, "attn_logit_softcapping"),
    (30.0, "final_logit_softcapping"),
    ("silu", "hidden_act"),
    (None, "rope_scaling"),
    (["full_attention", "full_attention"], "layer_types"),
    ([1, 1], "no_rope_layers"),
    (1.4, "scale_depth"),
    (0.3, "attention_multiplier"),
    (10000, "rotary_emb_base"),
    (0, "first_k_dense_replace pad_token_id"),
]
SIZES = {name: value for value, names in FIELDS for name in names.split()}


INTRODUCTION = """# Architectures of mlx_lm

Made by `python benchmarks/architectures.py`: a tiny random model of each trains, is saved, reloaded and scored. The last two
columns are the largest differences of a reward alone and in a batch, and before and after.

| architecture | on a CPU it runs | shares prompts | alone | reloaded |
|---|---|---|---|---|"""


def build(name: str) -> nn.Module:
    module = import_module(f"mlx_lm.models.{name}")
    fields = dataclasses.fields(module.ModelArgs)
    known = {f.name: SIZES[f.name] for f in fields if f.name in SIZES}
    missing = [f.name for f in fields if f.name not in known and _required(f)]
    if missing:
        raise ValueError(f"no value for {', '.join(missing)}")
    mx.random.seed(0)
    model: nn.Module = module.Model(
        module.ModelArgs(
            **(known | ({"model_type": name} if "model_type" in {f.name for f in fields} else {}))
        )
    )
    model.update(
        tree_map(
            lambda p: p * 1.5 + 0.05 * mx.random.normal(p.shape) if p.dtype == mx.float32 else p,
            model.parameters(),
        )
    )
    mx.eval(model.parameters())
    model.freeze()
    return model


def _required(field: "dataclasses.Field[Any]") -> bool:
    return (
        field.name != "model_type"
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    )


def trial(name: str) -> dict[str, str]:
    """One row of the table: how ``name`` runs, and the largest differences that were seen."""
    rng = np.random.default_rng(0)
    prompts = [rng.integers(3, VOCABULARY, n).tolist() for n in (5, 30, 3)]
    texts = [p + rng.integers(3, VOCABULARY, k).tolist() for p in prompts for k in (3, 20, 9)]
    owners = [i for i in range(3) for _ in range(3)]
    model = with_adapters(build(name), -1, **LORA)
    engine = Engine(model)

    def loss(m: RewardNetwork) -> mx.array:
        r = engine.forward(texts, owners)
        return mx.logaddexp(0.0, r[1::3] - r[::3]).mean()

    value_and_grad = nn.value_and_grad(model, loss)
    losses = []
    for _ in range(12):
        value, gradients = value_and_grad(model)
        model.update(
            tree_map(lambda p, g: p - 0.005 * mx.sign(g), model.trainable_parameters(), gradients)
        )
        mx.eval(model.parameters())
        losses.append(value.item())
    if not losses[-1] < losses[0]:
        raise ArithmeticError(f"the loss went from {losses[0]:.3f} to {losses[-1]:.3f}")
    together = score(model, texts, owners)
    alone = np.array([score(model, [text], [0])[0] for text in texts])
    with tempfile.TemporaryDirectory() as folder:
        adapters = dict(tree_flatten(model.backbone.trainable_parameters()))
        mx.save_safetensors(f"{folder}/adapters.safetensors", adapters)
        Path(folder, "adapter_config.json").write_text(json.dumps(adapter_config(-1, **LORA)))
        loaded = RewardNetwork(load_adapters(build(name), folder))
    loaded.head.update(model.head.parameters())
    again = score(loaded, texts, owners)
    return {
        "runs": "padding-free" if engine.padding_free else "padded",
        "shares prompts": "yes" if engine.shares_prefix else "no",
        "alone": f"{np.abs(together - alone).max():.0e}",
        "reloaded": f"{np.abs(together - again).max():.0e}",
    }


def main() -> None:
    if len(sys.argv) > 1:
        print(" | ".join(trial(sys.argv[1]).values()))
        return
    names = sorted(
        m.name for m in pkgutil.iter_modules(mlx_lm.models.__path__) if _is_architecture(m.name)
    )
    print(INTRODUCTION)
    failed = []
    for name in names:
        answer = subprocess.run([sys.executable, __file__, name], capture_output=True, text=True)
        if answer.returncode == 0:
            print(f"| {name} | {answer.stdout.splitlines()[-1]} |", flush=True)
        else:
            failed.append(
                f"- {name}: {(answer.stderr.strip().splitlines() or ['no message'])[-1][:150]}"
            )
    print("\nNot shown to work:\n\n" + "\n".join(failed))


def _is_architecture(name: str) -> bool:
    source = (
        Path(mlx_lm.models.__path__[0]) / f"{name}.py"
    ).read_text()  # not imported: one ends the process then
    return "class ModelArgs" in source and "class Model(" in source


if __name__ == "__main__":
    main()
