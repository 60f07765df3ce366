"""Show where scoring and training spend their time on a CPU, and how that time grows.

    python benchmarks/where_time_goes.py [TOKENS]

prints three tables: the parts of a forward and a backward pass, against what the machine's matmul
allows; how often a text has to be trained on until keeping the output of the frozen blocks pays;
and the time of scoring against the number of tokens, up to TOKENS (100000), and against N of
best-of-N.

The time of a part is found by leaving it out: the same pass with attention, or SwiGLU, replaced by
nothing. Texts are random token ids. Floating-point operations are those of the linear layers
without the adapters, two for a multiply-add.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

import mlx_reward.cpu  # noqa: F401  # before mlx

# isort: split
import mlx.core as mx
import mlx.nn as nn
import numpy as np

from mlx_reward.backbones.blocks import blocks
from mlx_reward.backbones.load import load_backbone
from mlx_reward.cli.machine import gigaflops
from mlx_reward.cpu import activations, prepare
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.features import FrozenFeatures
from mlx_reward.engine.streams import streams
from mlx_reward.engine.varlen_cache import VarlenCache
from mlx_reward.model.adapters import with_adapters
from mlx_reward.model.network import RewardNetwork

BASE = Path(__file__).parents[1] / "checkpoints" / "sft_merged_model"
RNG = np.random.default_rng(0)
REPEATS = 3
FROZEN_BLOCKS = (10, 18, 22)
RESPONSES = (1, 2, 4, 8, 16, 32)

Texts = list[list[int]]
Work = Callable[[], object]


def random_texts(
    prompts: int, prompt_length: int, responses_per_prompt: int, response_length: int
) -> Texts:
    """Return texts of random token ids; those of one prompt begin alike."""
    texts: list[list[int]] = []
    for _ in range(prompts):
        prompt = RNG.integers(1000, 40000, prompt_length).tolist()
        for _ in range(responses_per_prompt):
            texts.append(prompt + RNG.integers(1000, 40000, response_length).tolist())
    return texts


def seconds(work: Work) -> float:
    """Return the time of one run."""
    start = perf_counter()
    work()
    return perf_counter() - start


def best_seconds(work: Work) -> float:
    """Return the best of three runs, after one that does not count."""
    return best_seconds_each_way(work, [nullcontext])[0]


def best_seconds_each_way(
    work: Work, ways: Sequence[Callable[[], AbstractContextManager[object]]]
) -> list[float]:
    """Return the best of three runs for each of the contexts that ``ways`` open.

    The ways take turns, so that a machine that becomes slower does so for all of them.
    """
    runs: list[list[float]] = [[] for _ in ways]
    work()  # does not count
    for _ in range(REPEATS):
        for way, found in zip(ways, runs, strict=True):
            with way():
                found.append(seconds(work))
    return [min(found) for found in runs]


def without_attention() -> AbstractContextManager[object]:
    """While open, attention returns its queries."""
    return patch.object(VarlenCache, "attend", lambda self, queries, *_: queries)


def without_swiglu() -> AbstractContextManager[object]:
    """While open, SwiGLU returns what it would gate."""
    return patch.object(activations, "_swiglu", lambda gate, x: (x, gate))


def make_network(num_layers: int) -> RewardNetwork:
    """Return a reward model with adapters on the last ``num_layers`` blocks (-1: all).

    Its head is not zero as that of a new model: no gradient would reach the adapters.
    """
    network = with_adapters(load_backbone(BASE), num_layers, rank=8, scale=2.0, dropout=0.0)
    network.head.weight = 0.01 * mx.ones(network.head.weight.shape)
    return network


def make_gradient(engine: Engine, texts: Texts, features: FrozenFeatures | None = None) -> Work:
    """Return a function that runs ``texts`` forward and backward."""

    def total_reward(_: RewardNetwork) -> mx.array:
        return engine.forward(texts, features).sum()

    value_and_grad = nn.value_and_grad(engine.network, total_reward)
    return lambda: mx.eval(value_and_grad(engine.network))


def linear_operations(network: RewardNetwork) -> float:
    """Return the floating-point operations of the linear layers for one token, forward."""
    modules = [module for _, module in network.backbone.named_modules()]
    return 2.0 * sum(module.weight.size for module in modules if isinstance(module, nn.Linear))


def profile(engine: Engine, limit: float) -> None:
    """Print the parts of a forward and a backward pass; ``limit`` is the matmul rate in GFLOPS."""
    texts = random_texts(
        prompts=8, prompt_length=200, responses_per_prompt=2, response_length=100
    )  # eight pairs
    tokens = 8 * (200 + 2 * 100)
    matmul = tokens * linear_operations(engine.network) / limit / 1e9
    print("\n8 pairs, prompts of 200 tokens, responses of 100")
    print(f"the linear layers' matmul alone takes {matmul:.2f} s forward")
    _print_parts("forward", lambda: mx.eval(engine.forward(texts)), matmul)
    _print_parts("forward and backward", make_gradient(engine, texts), 2 * matmul)


def _print_parts(name: str, work: Work, matmul: float) -> None:
    ways = [nullcontext, without_attention, without_swiglu]
    whole, no_attention, no_swiglu = best_seconds_each_way(work, ways)
    parts = {
        "linear layers": matmul,
        "attention": whole - no_attention,
        "SwiGLU": whole - no_swiglu,
    }
    parts["the rest: adapters, norms, rotary embedding, waiting"] = whole - sum(parts.values())
    print(f"{name}: {whole:.2f} s, {matmul / whole:.0%} of it at the machine's matmul rate")
    for part, took in parts.items():
        print(f"  {part:<55}{took:6.2f} s {took / whole:5.0%}")


def break_even(frozen: int) -> None:
    """Print how often a text has to be trained on until keeping the output of the frozen blocks,
    ``frozen`` of them, pays.
    """
    num_layers = len(blocks(load_backbone(BASE))) - frozen
    engine = Engine(make_network(num_layers))
    texts = random_texts(prompts=8, prompt_length=200, responses_per_prompt=2, response_length=100)
    once = best_seconds(lambda: mx.eval(engine.batch_features(texts).states))
    without = best_seconds(make_gradient(engine, texts))
    known = best_seconds(make_gradient(engine, texts, engine.batch_features(texts)))
    uses = once / (without - known)
    print(f"{frozen:>38}{once:>9.2f}{without:>9.2f}{known:>9.2f}{uses:>14.1f}", flush=True)


def growth_with_tokens(engine: Engine, most: int) -> None:
    """Print the time of scoring 10,000 tokens, ten times as many, and so on up to ``most``."""
    print("\nscoring, texts of 200 tokens:   tokens   seconds   us a token")
    engine.score(texts_of_200(4_000))  # does not count
    count = 10_000
    while count <= most:
        took = _seconds_to_score(engine, texts_of_200(count))
        print(f"{count:>38}{took:>10.1f}{took / count * 1e6:>13.0f}", flush=True)
        count *= 10


def texts_of_200(tokens: int) -> Texts:
    """Return texts of 200 tokens that share nothing, ``tokens`` in all."""
    return random_texts(
        prompts=tokens // 200, prompt_length=0, responses_per_prompt=1, response_length=200
    )


def growth_with_n(engine: Engine) -> None:
    """Print the time of best-of-N against N times the time of one response."""
    print(
        "\nbest of N, 4 prompts of 512 tokens, responses of 64:"
        "   N   seconds   N times the first line"
    )
    first = 0.0
    for n in RESPONSES:
        texts = random_texts(
            prompts=4, prompt_length=512, responses_per_prompt=n, response_length=64
        )
        took = _seconds_to_score(engine, texts)
        first = first or took
        print(f"{n:>55}{took:>10.1f}{first * n:>20.1f}", flush=True)


def _seconds_to_score(engine: Engine, texts: Texts) -> float:
    return seconds(lambda: engine.score(texts))


def main() -> None:
    limit = gigaflops(streams())
    print(f"{prepare.status()}; float32 matmul {limit:.0f} GFLOPS on all streams")
    engine = Engine(make_network(num_layers=-1))
    profile(engine, limit)
    print("\n8 pairs, frozen blocks:                   once  without    known    pays from")
    for frozen in FROZEN_BLOCKS:
        break_even(frozen)
    growth_with_tokens(engine, int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    growth_with_n(engine)


if __name__ == "__main__":
    main()
