"""An mlx_lm model with this project's functions in place of some that MLX runs slowly on a CPU."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from mlx_reward.cpu.activations import gelu, gelu_approx, swiglu
from mlx_reward.cpu.attention import attention

OURS = {
    "scaled_dot_product_attention": attention,
    "swiglu": swiglu,
    "gelu": gelu,
    "gelu_approx": gelu_approx,
}


def modules(model: nn.Module) -> list[Any]:
    """The Python modules that define ``model`` and its parts, and mlx.nn; none on a GPU, where nothing is replaced."""
    if mx.default_device() != mx.Device(mx.cpu):
        return []
    return [
        nn,
        *(
            sys.modules[name]
            for name in sorted({type(part).__module__ for _, part in model.named_modules()})
        ),
    ]


@contextmanager
def replaced(modules: list[Any]) -> Iterator[None]:
    """While open, what ``modules`` call by the name of one of ours is ours."""
    theirs = [(m, name, getattr(m, name)) for m in modules for name in OURS if hasattr(m, name)]
    try:
        for module, name, _ in theirs:
            setattr(module, name, OURS[name])
        yield
    finally:
        for module, name, function in theirs:
            setattr(module, name, function)
