"""Indices grouped by a key."""

from mlx_reward.utils.grouping import group_indices


def test_groups_and_indices_keep_their_order() -> None:
    groups = group_indices(iter(["b", "a", "b", "c", "a"]))
    assert list(groups.items()) == [("b", [0, 2]), ("a", [1, 4]), ("c", [3])]


def test_no_keys_give_no_groups() -> None:
    assert group_indices([]) == {}
