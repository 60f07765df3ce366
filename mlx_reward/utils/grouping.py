"""Indices grouped by a key, such as pairs by their prompt."""

from collections.abc import Hashable, Iterable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


def group_indices(keys: Iterable[Key]) -> dict[Key, list[int]]:
    """Return the indices at which each different key stands, keys in order of first appearance.

    >>> group_indices(["a", "b", "a"])
    {'a': [0, 2], 'b': [1]}
    """
    groups: dict[Key, list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(key, []).append(index)
    return groups
