"""What callers pass to ``RewardModel``, checked: a wrong shape gets a sentence."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from mlx_reward.data.formats.row import BadRow
from mlx_reward.utils.errors import InputError

T = TypeVar("T")


def as_list(name: str, value: Any) -> list[Any]:
    """Return the items of ``value``; InputError where it is one text or object, or no list."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InputError(f"{name} is {type(value).__name__}, not a list of them")
    return list(value)


def as_lists(**named: Any) -> list[list[Any]]:
    """Return the items of several lists of one length, in the order in which they are named."""
    lists = [as_list(name, value) for name, value in named.items()]
    if len({len(items) for items in lists}) > 1:
        counts = " and ".join(f"{len(v)} {n}" for n, v in zip(named, lists, strict=True))
        raise InputError(f"{counts}: pass as many of each")
    return lists


def as_pairs(value: Any) -> tuple[list[tuple[Any, Any]], bool]:
    """Return (prompt, response) pairs, and whether ``value`` is one pair by itself."""
    pairs = as_list("pairs", value)
    alone = len(pairs) == 2 and isinstance(pairs[1], str)
    for i, pair in enumerate([pairs] if alone else pairs):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise InputError(f"pairs[{i}] is not (prompt, response), but {str(pair)[:60]!r}")
    return [(p, r) for p, r in ([pairs] if alone else pairs)], alone


def checked(check: Callable[[str, Any], T], field: str, value: Any) -> T:
    """Return ``check(field, value)``; its BadRow becomes an InputError."""
    try:
        return check(field, value)
    except BadRow as error:
        raise InputError(str(error)) from None
