"""Parameters that differ from the defaults are named with both values."""

from pathlib import Path

from mlx_reward.config.changes import Change, changes_from_defaults
from mlx_reward.config.reader import DEFAULTS


def test_only_what_differs_is_named(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    text = DEFAULTS.read_text(encoding="utf-8")
    params.write_text(text, encoding="utf-8")
    assert changes_from_defaults(params) == []
    text = text.replace("rank: 8", "rank: 2").replace("columns: {}", "columns: {better: chosen}")
    params.write_text(text, encoding="utf-8")
    assert changes_from_defaults(params) == [
        Change("data.columns.better", None, "chosen"),
        Change("train.lora.rank", 8, 2),
        Change("data.columns", {}, None),
    ]
