"""Try which of mlx_lm's architectures train, save, reload and score identically.

    pip install --no-deps --target OTHER mlx-lm==0.31.3
    python benchmarks/architectures.py OTHER > benchmarks/architectures.md

writes the table, from a tiny random model of each, for the installed mlx_lm and for another version
in each folder that is named. A configuration is made up from the names of its fields. An
architecture that cannot be built from it is named with the reason; that is a limit of this script,
not of mlx-reward.
"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from importlib import import_module, metadata
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

from mlx_reward.engine.engine import Engine
from mlx_reward.model.adapters import adapter_config, with_adapters
from mlx_reward.model.network import RewardNetwork

LORA: dict[str, Any] = {"rank": 4, "scale": 2.0, "dropout": 0.0}
VOCABULARY = 64
STEPS = 12
# Values of the fields of ModelArgs, by name.
FIELDS: list[tuple[Any, str]] = [
    (64, "vocab_size intermediate_size intermediate_size_mlp"),
    (32, "hidden_size n_embd d_model moe_intermediate_size shared_expert_intermediate_size"),
    (32, "dim_model_base"),
    (2, "num_hidden_layers num_key_value_heads n_layer n_layers num_layers num_experts_per_tok"),
    (2, "sliding_window_pattern eos_token_id"),
    (4, "num_attention_heads n_head n_heads num_heads num_experts num_local_experts"),
    (4, "n_routed_experts conv_kernel time_step_rank"),
    (8, "head_dim query_pre_attn_scalar qk_rope_head_dim qk_nope_head_dim v_head_dim"),
    (8, "state_size rotary_dim"),
    (1e-05, "rms_norm_eps layer_norm_eps norm_eps layer_norm_epsilon norm_epsilon"),
    (10000.0, "rope_theta"),
    (256, "max_position_embeddings n_positions n_ctx"),
    (True, "tie_word_embeddings norm_topk_prob use_conv_bias"),
    (1, "n_shared_experts decoder_sparse_step n_group topk_group bos_token_id"),
    ([], "mlp_only_layers"),
    (16, "sliding_window kv_lora_rank q_lora_rank"),
    (1.0, "partial_rotary_factor rotary_pct logit_scale logits_scaling scale_emb"),
    (1.0, "embedding_multiplier residual_multiplier routed_scaling_factor"),
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
VALUES = {name: value for value, names in FIELDS for name in names.split()}
HALF_WINDOWED = {"layer_types": ["sliding_attention", "full_attention"]}
OVERRIDES: dict[str, dict[str, Any]] = {  # of single architectures
    "gpt_oss": HALF_WINDOWED,
    "olmo3": HALF_WINDOWED,
}

INTRODUCTION = """# Architectures of mlx_lm

Made by `python benchmarks/architectures.py`: a tiny random model of each trains, is saved, reloaded
and scored; "scored-only": MLX has no gradient of what is computed there, so adapters are random.
For each version of mlx_lm: the largest difference of a reward in a batch from plain mlx_lm's of the
text alone, and from the reloaded model's. "-": that version has no such architecture, or it was not
shown to work.
"""


def build(name: str) -> nn.Module:
    """Return a frozen random model; ValueError names fields for which there is no value."""
    module = import_module(f"mlx_lm.models.{name}")
    fields = dataclasses.fields(module.ModelArgs)
    values = {f.name: VALUES[f.name] for f in fields if f.name in VALUES}
    if any(f.name == "model_type" for f in fields):
        values["model_type"] = name
    values |= OVERRIDES.get(name, {})
    missing = [f.name for f in fields if f.name not in values and _is_required(f)]
    if missing:
        raise ValueError(f"no value for {', '.join(missing)}")
    mx.random.seed(0)
    model: nn.Module = module.Model(module.ModelArgs(**values))
    model.update(tree_map(_spread, model.parameters()))
    mx.eval(model.parameters())
    model.freeze()
    return model


def _is_required(field: "dataclasses.Field[Any]") -> bool:
    no_default = field.default is dataclasses.MISSING
    return no_default and field.default_factory is dataclasses.MISSING


def _spread(parameter: mx.array) -> mx.array:
    """Return a larger and noisier parameter, so that hidden states of texts differ clearly."""
    if parameter.dtype != mx.float32:
        return parameter
    return parameter * 1.5 + 0.05 * mx.random.normal(parameter.shape)


def make_texts() -> list[list[int]]:
    """Return three random responses to each of three prompts, the first of which begin alike."""
    rng = np.random.default_rng(0)
    head = rng.integers(3, VOCABULARY, 18).tolist()
    prompts = [rng.integers(3, VOCABULARY, length).tolist() for length in (5, 30, 3)]
    prompts = [head + prompts[0], head + prompts[1], prompts[2]]
    return [
        prompt + rng.integers(3, VOCABULARY, length).tolist()
        for prompt in prompts
        for length in (3, 20, 9)
    ]


def fit(engine: Engine, texts: list[list[int]]) -> None:
    """Train on pairs of the texts; ArithmeticError where the loss does not fall."""
    network = engine.network

    def loss_fn(_: RewardNetwork) -> mx.array:
        rewards = engine.forward(texts)
        return mx.logaddexp(0.0, rewards[1::3] - rewards[::3]).mean()

    value_and_grad = nn.value_and_grad(network, loss_fn)
    losses = []
    for _ in range(STEPS):
        loss, gradients = value_and_grad(network)
        weights = network.trainable_parameters()
        network.update(tree_map(lambda w, g: w - 0.005 * mx.sign(g), weights, gradients))
        mx.eval(network.parameters())
        losses.append(loss.item())
    if not losses[-1] < losses[0]:
        raise ArithmeticError(f"the loss went from {losses[0]:.3f} to {losses[-1]:.3f}")


def randomize(network: RewardNetwork) -> None:
    """Give the adapters and the head random weights, as if they had been trained."""
    trained = network.trainable_parameters()
    network.update(tree_map(lambda w: w + 0.1 * mx.random.normal(w.shape), trained))
    mx.eval(network.parameters())


def reloaded(name: str, network: RewardNetwork) -> RewardNetwork:
    """Return a new model of the architecture ``name`` with the saved adapters of ``network``."""
    adapters = dict(tree_flatten(network.backbone.trainable_parameters()))
    with tempfile.TemporaryDirectory() as folder:
        mx.save_safetensors(f"{folder}/adapters.safetensors", adapters)
        Path(folder, "adapter_config.json").write_text(json.dumps(adapter_config(-1, **LORA)))
        loaded = RewardNetwork(load_adapters(build(name), folder))
    loaded.head.update(network.head.parameters())
    return loaded


def plain_reward(network: RewardNetwork, text: list[int]) -> float:
    """Return the reward of one text that mlx_lm runs alone; no engine has touched ``network``."""
    states = network.hidden_states(mx.array([text]))
    return float(network.head_rewards(states[:, -1]).item())


def try_architecture(name: str) -> list[str]:
    """Return how ``name`` runs, whether it shares prefixes, and the largest differences that were
    seen.
    """
    texts = make_texts()
    engine = Engine(with_adapters(build(name), -1, **LORA))
    way = "padding-free" if engine.padding_free else "padded"
    try:
        fit(engine, texts)
    except ValueError as error:  # MLX has no gradient of something that the architecture computes
        if "VJP" not in str(error):
            raise
        way += ",scored-only"
        randomize(engine.network)
    together = engine.score(texts)
    saved = reloaded(name, engine.network)
    plain = np.array([plain_reward(saved, text) for text in texts])
    again = Engine(saved).score(texts)
    return [
        way,
        "yes" if engine.shares_prefix else "no",
        f"{np.abs(together - plain).max():.0e}",
        f"{np.abs(together - again).max():.0e}",
    ]


def architectures() -> list[str]:
    """Return the names of mlx_lm's architectures.

    Their files are read, not imported: an import of one of them ends the process.
    """
    folder = Path(mlx_lm.models.__path__[0])
    sources = {path.stem: path.read_text() for path in sorted(folder.glob("*.py"))}
    return [
        name
        for name, source in sources.items()
        if "class ModelArgs" in source and "class Model(" in source
    ]


def call(folder: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run this script in a process of its own, with the mlx_lm in ``folder`` or, if that is empty,
    the installed one.
    """
    path = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH", "")]))
    command = [sys.executable, __file__, *arguments]
    environment = os.environ | {"PYTHONPATH": path}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def write_table(folders: list[str]) -> None:
    """Print a row for each architecture, each tried in a process of its own."""
    listed = {folder: call(folder, "--list").stdout.split() for folder in folders}
    versions = {folder: names.pop(0) for folder, names in listed.items()}
    heads = [f"plain mlx_lm {version} | reloaded" for version in versions.values()]
    print(INTRODUCTION)
    print(f"| architecture | on a CPU it runs | shares prefixes | {' | '.join(heads)} |")
    print("|---" * (3 + 2 * len(folders)) + "|")
    failures = []
    for name in sorted(set().union(*listed.values())):
        rows: dict[str, list[str]] = {}
        for folder in folders:
            if name not in listed[folder]:
                continue
            answer = call(folder, "--one", name)
            if answer.returncode == 0:
                rows[folder] = answer.stdout.splitlines()[-1].split()
            else:
                lines = answer.stderr.strip().splitlines() or ["no message"]
                failures.append(f"- {name} {versions[folder]}: {lines[-1][:150]}")
        if rows:
            print(table_row(name, [rows.get(folder) for folder in folders]), flush=True)
    print("\nNot shown to work:\n\n" + "\n".join(failures))


def table_row(name: str, found: list[list[str] | None]) -> str:
    """Return the row of ``name`` from what each version's process printed, if it worked."""
    ways = [" / ".join(dict.fromkeys(row[k] for row in found if row)) for k in (0, 1)]
    differences = [cell for row in found for cell in (row[2:] if row else ["-", "-"])]
    return f"| {' | '.join([name, *ways, *differences])} |"


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--list"]:
        print(metadata.version("mlx-lm"), *architectures())
    elif arguments[:1] == ["--one"]:
        print(*try_architecture(arguments[1]))
    else:
        write_table(["", *arguments])


if __name__ == "__main__":
    main()
