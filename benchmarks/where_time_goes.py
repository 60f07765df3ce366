"""Where scoring and training spend their time on a CPU, against what the machine's matmul allows;
how time grows; and how often a text has to be trained on before keeping what the frozen blocks make
of it pays.

python benchmarks/where_time_goes.py [TOKENS]       TOKENS: the longest of the runs that show growth
(100000)

Parts are found by leaving them out: the same forward pass with attention, or SwiGLU, replaced by
nothing. Texts are random token ids; FLOPs are those of the linear layers and of attention, two a
multiply-add, without the adapters'.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import mlx_reward.cpu  # noqa: F401  # before mlx

# isort: split
import mlx.core as mx
import mlx.nn as nn
import numpy as np

from mlx_reward.backbones.blocks import blocks
from mlx_reward.backbones.load import load_backbone
from mlx_reward.cli.machine import gigaflops
from mlx_reward.cpu import install
from mlx_reward.engine.engine import score
from mlx_reward.engine.features import FrozenStates
from mlx_reward.engine.streams import lanes, rewards, states_below
from mlx_reward.engine.varlen_cache import PackedCache
from mlx_reward.model.adapters import with_adapters
from mlx_reward.model.network import RewardNetwork

BASE = Path(__file__).parents[1] / "checkpoints" / "sft_merged_model"
RNG = np.random.default_rng(0)


def texts(
    prompts: int, prompt: int, responses: int, response: int
) -> tuple[list[list[int]], list[int]]:
    heads = [RNG.integers(1000, 40000, prompt).tolist() for _ in range(prompts)]
    found = [
        head + RNG.integers(1000, 40000, response).tolist()
        for head in heads
        for _ in range(responses)
    ]
    return found, [i for i in range(prompts) for _ in range(responses)]


def once(work: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turn(
    work: Callable[[], object], ways: Sequence[Callable[[], AbstractContextManager[None]]]
) -> list[float]:
    """The best of three runs each way, after one that does not count.

    They are taken in turn, so that a machine that becomes slower does so for all of them.
    """
    found: list[list[float]] = [[] for _ in ways]
    work()
    for _ in range(3):
        for way, runs in zip(ways, found, strict=True):
            with way():
                runs.append(once(work))
    return [min(runs) for runs in found]


def seconds(work: Callable[[], object]) -> float:
    """The best of three runs, after one that does not count."""
    return in_turn(work, (nullcontext,))[0]


@contextmanager
def without_attention() -> Iterator[None]:
    kept = PackedCache.attend
    PackedCache.attend = lambda self, queries, *_: queries[: len(self.offset)]
    try:
        yield
    finally:
        PackedCache.attend = kept


@contextmanager
def without_swiglu() -> Iterator[None]:
    kept = install.OURS["swiglu"]
    install.OURS["swiglu"] = lambda gate, x: x
    try:
        yield
    finally:
        install.OURS["swiglu"] = kept


def linear_flops(model: RewardNetwork) -> float:
    """Of one token, forward."""
    linears = (m for _, m in model.backbone.named_modules() if isinstance(m, nn.Linear))
    return 2.0 * sum(m.weight.size for m in linears)


def profile(model: RewardNetwork, limit: float) -> None:
    found, prompts = texts(8, 200, 2, 100)  # eight pairs
    tokens = 8 * (200 + 2 * 100)
    streams = lanes()
    value_and_grad = nn.value_and_grad(model, lambda m: rewards(m, found, prompts, streams).sum())

    def forward() -> None:
        mx.eval(rewards(model, found, prompts, streams))

    def both() -> None:
        mx.eval(value_and_grad(model))

    ideal = tokens * linear_flops(model) / limit / 1e9
    print(
        f"\n8 pairs, prompts of 200 tokens, responses of 100; the linear layers' matmul alone takes {ideal:.2f} s forward"
    )
    for name, work, matmuls in (("forward", forward, 1), ("forward and backward", both, 2)):
        whole, no_attention, no_swiglu = in_turn(
            work, (nullcontext, without_attention, without_swiglu)
        )
        parts = {
            "linear layers": matmuls * ideal,
            "attention": whole - no_attention,
            "SwiGLU": whole - no_swiglu,
        }
        parts["the rest: adapters, norms, rotary embedding, waiting"] = whole - sum(parts.values())
        print(
            f"{name}: {whole:.2f} s, {matmuls * ideal / whole:.0%} of it at the machine's matmul rate"
        )
        for part, took in parts.items():
            print(f"  {part:<55}{took:6.2f} s {took / whole:5.0%}")


def break_even(frozen: int) -> None:
    """With so many blocks below the first adapter."""
    backbone = load_backbone(BASE)
    model = with_adapters(backbone, len(blocks(backbone)) - frozen, rank=8, scale=2.0, dropout=0.0)
    found, prompts = texts(8, 200, 2, 100)
    streams = lanes()

    def step(below: FrozenStates | None) -> Callable[[], object]:
        value_and_grad = nn.value_and_grad(
            model, lambda m: rewards(m, found, prompts, streams, below).sum()
        )
        return lambda: mx.eval(value_and_grad(model))

    def compute() -> mx.array:
        states = states_below(model, found, prompts, streams)
        mx.eval(states)
        return states

    took, plain = seconds(compute), seconds(step(None))
    known = seconds(step(FrozenStates.of_texts(compute(), found)))
    print(
        f"{frozen:>38}{took:>9.2f}{plain:>9.2f}{known:>9.2f}{took / (plain - known):>14.1f}",
        flush=True,
    )


def growth(model: RewardNetwork, most: int) -> None:
    print("\nscoring, texts of 200 tokens:   tokens   seconds   us a token")
    score(model, *texts(20, 0, 1, 200))  # does not count
    count = 10_000
    while count <= most:
        found, prompts = texts(count // 200, 0, 1, 200)
        took = once(lambda f=found, p=prompts: score(model, f, p))
        print(f"{count:>38}{took:>10.1f}{took / count * 1e6:>13.0f}", flush=True)
        count *= 10
    print(
        "\nbest of N, 4 prompts of 512 tokens, responses of 64:   N   seconds   each text alone, by tokens"
    )
    first = 0.0
    for n in (1, 2, 4, 8, 16, 32):
        found, prompts = texts(4, 512, n, 64)
        took = once(lambda f=found, p=prompts: score(model, f, p))
        first = first or took
        print(f"{n:>55}{took:>10.1f}{first * n:>20.1f}", flush=True)


def main() -> None:
    limit = gigaflops(lanes())
    print(f"{prepare.status()}; float32 matmul {limit:.0f} GFLOPS on all streams")
    model = with_adapters(load_backbone(BASE), -1, rank=8, scale=2.0, dropout=0.0)
    model.head.weight = (
        mx.ones(model.head.weight.shape) * 0.01
    )  # from zero, no gradient would reach the adapters' first half
    profile(model, limit)
    print("\n8 pairs, frozen blocks:                   once     step    known    pays from")
    for frozen in (10, 18, 22):
        break_even(frozen)
    growth(model, int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)


if __name__ == "__main__":
    main()
