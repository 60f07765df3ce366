"""Limits of a container are limits of ours."""

from pathlib import Path

import pytest

from mlx_reward.utils.machine import cores, memory_bytes


@pytest.mark.parametrize(
    ("quota", "most"), [("100000 100000", 1), ("150000 100000", 2), ("50000 100000", 1)]
)
def test_a_cpu_quota_limits_the_cores(tmp_path: Path, quota: str, most: int) -> None:
    """Two streams on one core's share of time wait for each other."""
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert cores(tmp_path) == min(most, cores(tmp_path / "absent"))


@pytest.mark.parametrize("text", ["max 100000\n", "", "odd"])
def test_without_a_quota_they_are_the_machines(tmp_path: Path, text: str) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert cores(tmp_path) == cores(tmp_path / "absent")


def test_memory_is_the_containers(tmp_path: Path) -> None:
    installed = memory_bytes(tmp_path)
    (tmp_path / "memory.max").write_text("1000000\n")
    assert memory_bytes(tmp_path) == 1_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_bytes(tmp_path) == installed > 1e8
