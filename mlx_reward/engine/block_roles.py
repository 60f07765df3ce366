"""What each block of an mlx_lm model does in one forward pass: run, be passed over, hand on given
states...

A block is wrapped once, when its model gets an engine: it becomes an instance of a subclass of its
own class, so that its parameters, their names and what mlx_lm's tools find in it stay as they are.
What differs from call to call, its role, is in the cache object that mlx_lm hands to every block
anyway. A cache belongs to one call, so nothing is replaced while a model runs, and several threads
can run one model at once.
"""

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from mlx_reward.backbones.blocks import blocks

# Runs a block's own code on a hidden state, with this or another cache.
RunBlock = Callable[[mx.array, Any], mx.array]
# Is called in place of a block: (block, run_block, hidden state, cache) -> hidden state.
Role = Callable[[nn.Module, RunBlock, mx.array, Any], mx.array]


class LayerCache:
    """The cache that one block is handed in one pass.

    Without a past, it means the same to mlx_lm as none.
    """

    offset: Any = 0
    role: "Role | None" = None  # None: the block runs as it is

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        return keys, values


def skip(block: nn.Module, run_block: RunBlock, x: mx.array, cache: Any) -> mx.array:
    """Pass the block over: its input is its output."""
    return x


@dataclass(frozen=True)
class Inject:
    """Do not run the block: ``states`` are its output."""

    states: mx.array

    def __call__(self, block: nn.Module, run_block: RunBlock, x: mx.array, cache: Any) -> mx.array:
        return self.states


@dataclass(frozen=True)
class Capture:
    """Run the block and append its output to ``captured``."""

    captured: list[mx.array]

    def __call__(self, block: nn.Module, run_block: RunBlock, x: mx.array, cache: Any) -> mx.array:
        self.captured.append(run_block(x, cache))
        return self.captured[-1]


def last_token_only(block: nn.Module, run_block: RunBlock, x: mx.array, cache: Any) -> mx.array:
    """Return (N, 1, D), the states of the last token of each text of a ``VarlenCache``.

    The first run leaves the keys and values of all tokens in the cache. MLX is lazy: the rest of it
    is never computed.
    """
    run_block(x, cache)
    last = mx.array(cache.layout.last_token_indices)
    return run_block(x[last], cache.last_token_cache())


@dataclass(frozen=True)
class Recompute:
    """Keep only the block's input for the backward pass, and run it again there (Chen et al. 2016,
    arXiv:1604.06174).

    ``role`` is what the block does otherwise. The second run draws the random numbers of the first:
    dropout has the mask that it would have without.
    """

    role: Role | None

    def __call__(self, block: nn.Module, run_block: RunBlock, x: mx.array, cache: Any) -> mx.array:
        stream = mx.default_stream(mx.default_device())
        first = _random_state()

        def run(parameters: Any, x: mx.array) -> mx.array:
            block.update(parameters)  # the traced ones; only training comes here, on one thread
            now = _random_state()
            mx.random.seed(first)
            with mx.stream(stream):  # the caller's is closed by the time of the backward pass
                states = self.role(block, run_block, x, cache) if self.role else run_block(x, cache)
            if now != first:  # the second run, which leaves the state as it was
                mx.random.seed(now)
            return states

        return _recomputed(run, block.trainable_parameters(), x)


def _recomputed(run: Callable[[Any, mx.array], mx.array], parameters: Any, x: mx.array) -> mx.array:
    """Return run(parameters, x), which the backward pass runs again.

    It does so once the gradient of the result is there, and not before: ``mx.checkpoint`` ties the
    second run to the first alone, so that MLX, which evaluates breadth first, runs all blocks again
    at once and holds what they keep all the same.
    """
    leaves: Any = tree_flatten(parameters)
    names = [name for name, _ in leaves]

    def run_flat(*arrays: mx.array) -> mx.array:
        return run(tree_unflatten(list(zip(names, arrays[:-1], strict=True))), arrays[-1])

    function: Any = mx.custom_function(run_flat)

    @function.vjp  # type: ignore[untyped-decorator]  # MLX gives it no type
    def run_again(
        arrays: tuple[mx.array, ...], gradient: mx.array, _: mx.array
    ) -> tuple[mx.array, ...]:
        after: Any = mx.depends(list(arrays), [gradient])
        of_parameters = mx.vjp(run_flat, after, [gradient])[1]
        of_x: Any = mx.depends([of_parameters.pop()], of_parameters)
        return (*of_parameters, *of_x)

    states: mx.array = function(*(array for _, array in leaves), x)
    return states


def _random_state() -> int:
    """Return the seed that brings MLX's random numbers to where they are now.

    Their key is two words, and that of a seed its high and its low one.
    """
    state: Any = mx.random.state
    high, low = state[0].tolist()
    return int(high) << 32 | int(low)


def roles(
    layers: int,
    frozen: int,
    inject: mx.array | None = None,
    capture: list[mx.array] | None = None,
    last_tokens: bool = False,
    recompute: bool = False,
) -> list[Role | None]:
    """Return the role of each of ``layers`` blocks, of which the first ``frozen`` hold nothing that
    is trained.

    ``inject``: the frozen blocks do not run, for these are the states above them. ``capture``: only
    the frozen blocks run, and the states above them are appended to it. ``last_tokens``: the last
    block gives those states alone.
    """
    if layers == 0:  # the architecture keeps its blocks under another name
        return []
    found: list[Role | None] = [None] * layers
    if last_tokens:
        found[-1] = last_token_only
    if inject is not None:
        found[:frozen] = [skip] * (frozen - 1) + [Inject(inject)]
    if capture is not None:
        found = [None] * (frozen - 1) + [Capture(capture)] + [skip] * (layers - frozen)
    if recompute:
        runs = [role is not skip and not isinstance(role, Inject) for role in found]
        found = [Recompute(r) if run else r for r, run in zip(found, runs, strict=True)]
    return found


class _Wrapped:
    """Mixed into a block's class: the block does what the cache it is handed says."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        own: Any = super().__call__  # type: ignore[misc]  # of the block's own class
        cache = next((a for a in (*args, *kwargs.values()) if isinstance(a, LayerCache)), None)
        role = _roles_of_this_thread().get(id(self)) if cache is None else cache.role
        if role is None:
            return own(*args, **kwargs)
        input_name = "" if args else next(iter(kwargs))  # GPT-J's blocks take it by name

        def run_block(x: mx.array, other: Any) -> mx.array:
            def swapped(argument: Any) -> Any:
                return other if cache is not None and argument is cache else argument

            named = {name: swapped(argument) for name, argument in kwargs.items()}
            if input_name:
                return own(**{**named, input_name: x})  # type: ignore[no-any-return]
            return own(x, *map(swapped, args[1:]), **named)  # type: ignore[no-any-return]

        block: Any = self
        return role(block, run_block, kwargs[input_name] if input_name else args[0], cache)


@functools.cache
def _wrapped(kind: Any) -> Any:
    return type(kind.__name__, (_Wrapped, kind), {"__module__": kind.__module__, "__slots__": ()})


def wrap_blocks(backbone: nn.Module) -> None:
    """Let every block of ``backbone`` look at its cache from now on; doing so twice changes
    nothing.
    """
    for block in blocks(backbone):
        kind: Any = type(block)
        if not issubclass(kind, _Wrapped):
            block.__class__ = _wrapped(kind)


# Where an architecture's cache is of another kind (a state-space model's), no object of ours
# reaches its blocks.
_local = threading.local()


def _roles_of_this_thread() -> dict[int, Role]:
    return getattr(_local, "roles", {})


@contextmanager
def thread_roles(layers: Sequence[nn.Module], roles: Sequence[Role | None]) -> Iterator[None]:
    """While open, blocks that this thread calls without a ``LayerCache`` have these ``roles``."""
    before = _roles_of_this_thread()
    _local.roles = {id(b): r for b, r in zip(layers, roles, strict=False) if r is not None}
    try:
        yield
    finally:
        _local.roles = before
