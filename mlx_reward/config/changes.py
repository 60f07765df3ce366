"""Which parameters of a run differ from the defaults."""

from pathlib import Path
from typing import Any, NamedTuple

from mlx_reward.config.reader import DEFAULTS, read_yaml


class Change(NamedTuple):
    """A parameter that is not at its default; None stands for a key that one of them lacks."""

    name: str
    default: Any
    value: Any


def changes_from_defaults(params: Path) -> list[Change]:
    """Return the parameters of the file ``params`` that differ, in its order, by dotted names."""
    own, defaults = (_flat(read_yaml(path)) for path in (params, DEFAULTS))
    names = [*own, *(name for name in defaults if name not in own)]
    return [
        Change(name, defaults.get(name), own.get(name))
        for name in names
        if own.get(name) != defaults.get(name)
    ]


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Return the leaves of nested mappings by dotted names; an empty one is a leaf."""
    if not isinstance(tree, dict) or not tree:
        return {prefix.rstrip("."): tree}
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= _flat(value, f"{prefix}{key}.")
    return found
