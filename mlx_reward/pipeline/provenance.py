"""Gather where a run comes from: parameters, checkpoint, Git, and installed packages."""

import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mlx_reward.config.base import BaseSettings
from mlx_reward.config.changes import changes_from_defaults
from mlx_reward.config.data import DataSettings
from mlx_reward.config.reader import read_section
from mlx_reward.config.train import TrainSettings
from mlx_reward.pipeline.git import has_uncommitted_inputs, last_input_commit
from mlx_reward.pipeline.paths import Paths
from mlx_reward.report.provenance import Provenance, Setting
from mlx_reward.utils.files import read_json

PACKAGES = ("mlx-reward", "mlx", "mlx-lm", "dvc")
REMEDY = "run `dvc repro train`, which makes it"


def provenance(params: Path, paths: Paths) -> Provenance:
    """Return where the model in ``paths`` comes from, by ``params`` and the checkpoint."""
    checkpoint = read_json(paths.reward_model / "reward_config.json", REMEDY)
    folder = params.parent
    commit = last_input_commit(folder)
    uncommitted = commit is not None and has_uncommitted_inputs(folder)
    today = date.today().isoformat()
    return Provenance(
        base=read_section(params, "base", BaseSettings).source,
        base_digest=checkpoint["base_digest"],
        data_source=read_section(params, "data", DataSettings).source,
        seed=read_section(params, "train", TrainSettings).seed,
        date=today if commit is None or uncommitted else commit[1],
        commit=None if commit is None else commit[0],
        uncommitted=uncommitted,
        settings=[Setting(*change) for change in changes_from_defaults(params)],
        versions={"Python": platform.python_version()} | _installed(),
    )


def _installed() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
