"""The reference recipe (Gemma 2B) as the README spells it: its settings, and that they run on a
tiny random gemma.
"""

import json
import re
from pathlib import Path

import yaml

from mlx_reward.config.base import BaseSettings
from mlx_reward.config.reader import read_section
from mlx_reward.config.split import SplitSettings
from mlx_reward.config.train import TrainSettings
from tests import ROOT, tiny
from tests.pipeline.test_pipeline_run import configure, make_project, stage


def recipe() -> dict[str, dict[str, object]]:
    """The changes to params.yaml in the README's line."""
    (line,) = re.findall(
        r"started from, Gemma 2B: `dvc exp run ([^`]*)`", (ROOT / "README.md").read_text()
    )
    found: dict[str, dict[str, object]] = {}
    for change in re.findall(r"-S\s+(\S+)", line):
        key, value = change.split("=")
        section, name = key.split(".")
        found.setdefault(section, {})[name] = yaml.safe_load(value)
    return found


def test_it_is_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    configure(tmp_path, **recipe())
    path = tmp_path / "params.yaml"
    base, split = (
        read_section(path, "base", BaseSettings),
        read_section(path, "split", SplitSettings),
    )
    train = read_section(path, "train", TrainSettings)
    assert (base.source, base.quantize, split.valid_size) == ("google/gemma-2b-it", 4, 500)
    assert (train.fine_tune_type, train.lora.rank, train.num_layers, train.head) == (
        "lora",
        8,
        -1,
        "linear",
    )
    assert (train.batch_size, train.epochs, train.learning_rate, train.max_seq_length) == (
        8,
        2,
        1e-4,
        1024,
    )


def test_it_runs_on_a_tiny_gemma(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    tiny.write_backbone(project / "gemma", "gemma")
    configure(project, **recipe())
    configure(project, base={"source": "gemma"}, split={"valid_size": 0.2}, train={"epochs": 1})
    for name in ("base", "data", "split", "train"):
        answer = stage(project, name)
        assert answer.returncode == 0, answer.stderr
    figures = json.loads((project / "metrics" / "train.json").read_text())
    assert figures["steps"] > 5
    assert figures["last_loss"] < figures["first_loss"]
