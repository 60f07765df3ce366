"""Binds this room's functions to the parts of one mlx_lm model, where MLX's own are slow on a CPU.

Nothing of mlx or mlx_lm is replaced, and other models of the process see no change. A part (a
module of the model) gets a subclass of its own class, with copies of those methods that call a slow
function; the copies look names up in a copy of their Python module's namespace, in which ours stand
in place of the slow ones. Which function a name means is told by identity: an architecture's own
function of the same name (gpt_oss has a swiglu of its own) stays.
"""

import functools
from types import CodeType, FunctionType, ModuleType
from typing import Any

import mlx.nn as nn
from mlx_lm.models import activations, base

from mlx_reward.cpu.activations import gelu, gelu_approx, swiglu
from mlx_reward.cpu.attention import attention
from mlx_reward.cpu.way import takes_cpu_way


class _QuickNN(ModuleType):
    """mlx.nn, but for two functions, which Gemma calls as ``nn.gelu_approx``."""

    gelu = staticmethod(gelu)
    gelu_approx = staticmethod(gelu_approx)

    def __getattr__(self, name: str) -> Any:
        return getattr(nn, name)


_REPLACEMENTS: list[tuple[Any, Any]] = [  # slow, ours
    (base.scaled_dot_product_attention, attention),
    (activations.swiglu, swiglu),
    (nn.gelu, gelu),
    (nn.gelu_approx, gelu_approx),
    (nn, _QuickNN("mlx.nn")),
]
# The list above keeps the slow ones alive, so that no id is used again.
_OURS_BY_ID = {id(slow): ours for slow, ours in _REPLACEMENTS}
_namespaces: dict[int, dict[str, Any]] = {}


def install(model: nn.Module) -> None:
    """Let all parts of ``model`` call ours from now on.

    On a GPU this does nothing, and so it does a second time.
    """
    if not takes_cpu_way():
        return
    for _, part in model.named_modules():
        kind: Any = type(part)
        quick = _quick_class(kind)
        if quick is not kind:
            part.__class__ = quick


@functools.cache
def _quick_class(kind: Any) -> Any:
    """Return a subclass of ``kind`` whose methods call ours; ``kind`` itself where they call
    nothing slow.
    """
    if getattr(kind, "_calls_quick_functions", False):
        return kind
    methods: dict[str, FunctionType] = {}
    for parent in kind.__mro__[: kind.__mro__.index(nn.Module)]:
        for name, method in vars(parent).items():
            overridden = name in methods or name == "__init__"
            if not overridden and isinstance(method, FunctionType) and _names_slow(method):
                methods[name] = _with_namespace(method, _quick_namespace(method.__globals__))
    if not methods:
        return kind
    marks = {"__module__": kind.__module__, "__slots__": (), "_calls_quick_functions": True}
    return type(kind.__name__, (kind,), {**marks, **methods})


def _names_slow(function: FunctionType) -> bool:
    """Tell whether ``function`` names a slow one, or a function of its Python module that does."""
    namespace = function.__globals__
    for name in _names(function.__code__):
        value = namespace.get(name)
        if id(value) in _OURS_BY_ID:
            return True
        if not isinstance(value, FunctionType) or value.__globals__ is not namespace:
            continue
        if any(id(namespace.get(n)) in _OURS_BY_ID for n in _names(value.__code__)):
            return True
    return False


def _quick_namespace(namespace: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a Python module's ``namespace`` with ours in it, also in what its own
    functions see.
    """
    if id(namespace) not in _namespaces:
        quick = {name: _OURS_BY_ID.get(id(value), value) for name, value in namespace.items()}
        for name, value in namespace.items():
            if isinstance(value, FunctionType) and value.__globals__ is namespace:
                quick[name] = _with_namespace(value, quick)
        _namespaces[id(namespace)] = quick
    return _namespaces[id(namespace)]


def _with_namespace(function: FunctionType, namespace: dict[str, Any]) -> FunctionType:
    copy = FunctionType(
        function.__code__,
        namespace,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__qualname__ = function.__qualname__
    return copy


def _names(code: CodeType) -> set[str]:
    """Return all names that ``code`` looks up, also in functions within it."""
    inner = [_names(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*inner)
