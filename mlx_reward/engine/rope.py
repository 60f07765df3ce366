"""Rotary embeddings that depend on the length of a text (dynamic NTK scaling).

They turn every token of a text that is longer than the model was trained for by other angles than
in a shorter one. Such a text gets the same reward as from mlx_lm alone only if it runs whole and
alone: without a shared prefix, and without the padding of longer texts.
"""

from typing import Any

import mlx.core as mx
import mlx.nn as nn

TOLERANCE = 1e-4


def position_limit(backbone: nn.Module, cannot: tuple[type[Exception], ...]) -> int | None:
    """Return up to how many tokens a token's rotation depends on its position alone; None where it
    always does.

    Tried rather than listed. ``cannot`` are the errors of a module that is called in another way.
    """
    ropes: dict[tuple[type, int], Any] = {}
    for _, module in backbone.named_modules():
        limit = getattr(module, "max_position_embeddings", None)
        if isinstance(limit, int) and isinstance(getattr(module, "dims", None), int):
            ropes.setdefault((type(module), limit), module)
    limits = [
        limit for (_, limit), rope in ropes.items() if _depends_on_length(rope, limit, cannot)
    ]
    return min(limits, default=None)


def _depends_on_length(rope: Any, limit: int, cannot: tuple[type[Exception], ...]) -> bool:
    """Return whether three tokens beyond ``limit`` are turned as each of them alone."""
    tokens = mx.ones((1, 1, 3, rope.dims))
    try:
        together = rope(tokens, offset=limit)
        alone = [rope(tokens[:, :, :1], offset=limit + place) for place in range(3)]
    except cannot:
        return False
    close = mx.allclose(together, mx.concatenate(alone, axis=2), rtol=0, atol=TOLERANCE)
    return close.item() is False
