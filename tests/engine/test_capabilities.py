"""What an architecture allows is tried once, and known to later processes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mlx_reward.engine import runner
from mlx_reward.engine.capabilities import EVERYTHING
from mlx_reward.engine.runner import Runner
from mlx_reward.model.network import RewardNetwork
from tests import tiny


@pytest.fixture
def trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The architectures that were tried out, with nothing known beforehand."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tried: list[str] = []
    obstacle: Callable[..., str | None] = runner.varlen_obstacle

    def counted(last_states: Callable[..., object], cannot: object) -> str | None:
        tried.append(type(last_states.__self__.network.backbone).__module__)  # type: ignore[attr-defined]
        return obstacle(last_states, cannot)

    monkeypatch.setattr(runner, "varlen_obstacle", counted)
    return tried


def make(architecture: str, **changes: object) -> Runner:
    return Runner(RewardNetwork(tiny.model(architecture, **changes)))


def test_an_architecture_is_tried_once_for_each_config(trials: list[str]) -> None:
    assert make("llama").capabilities == make("llama").capabilities == EVERYTHING
    assert len(trials) == 1
    make("llama", num_hidden_layers=2)
    make("qwen3")
    assert len(trials) == 3


def test_what_cannot_be_done_is_tried_again(trials: list[str]) -> None:
    """Weights that are damaged may be to blame, and mended."""
    assert make("gemma2").capabilities == make("gemma2").capabilities != EVERYTHING
    assert len(trials) == 2


def test_a_folder_that_cannot_be_written_stops_nobody(
    trials: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlx-reward").mkdir()
    (tmp_path / "mlx-reward" / "capabilities").write_text("a file where a folder should be")
    assert make("llama").capabilities == make("llama").capabilities == EVERYTHING
    assert len(trials) == 2
