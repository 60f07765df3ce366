"""What ``data.source`` names: the starter set, a preset, files, or a dataset of the hub."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from mlx_reward.config.data import DataSettings
from mlx_reward.data.formats.readers import read_rows
from mlx_reward.data.formats.row import BadRow, Row
from mlx_reward.data.sources import files, hub, presets
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.progress import bar

STARTER = Path("data/starter")
REPOSITORY = Path(__file__).parents[3]  # where the package runs from a clone of it
KINDS = (
    f"starter, a preset ({', '.join(presets.NAMES)}), a file, folder or glob, "
    "or a hub dataset id like 'owner/name'"
)

Place = tuple[str, int]  # file or dataset, and line or row number


@dataclass(frozen=True)
class Source:
    """Rows with their places, and the name of their format."""

    format: str
    rows: Iterator[tuple[Place, Row | BadRow]]


def open_source(settings: DataSettings) -> Source:
    """Return the rows that ``settings`` name; what is on the network is downloaded first."""
    name = settings.source
    if name == "starter":
        return Source(settings.format, _rows(starter_files()))
    if name in presets.NAMES:
        paths, format = presets.fetch(name)
        return Source(format if settings.format == "auto" else settings.format, _rows(paths))
    found = files.find(name)
    if found is not None:
        return Source(settings.format, _rows(found))
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not name.startswith("data/"):
        return Source(settings.format, _hub_rows(settings))
    raise InputError(f"{name}: not there; data.source is {KINDS}")


def starter_files() -> list[Path]:
    """Return the files of the starter set: those of this repository, or those of the wheel."""
    for folder in (STARTER, REPOSITORY / STARTER):
        if folder.is_dir():
            return sorted(folder.glob("*.jsonl"))
    installed = distribution("mlx-reward").files or []
    files = [file for file in installed if file.match("share/mlx-reward/starter/*.jsonl")]
    return sorted(Path(str(file.locate())) for file in files)


def _rows(paths: list[Path]) -> Iterator[tuple[Place, Row | BadRow]]:
    with bar(total=sum(path.stat().st_size for path in paths), what="read", unit="B") as progress:
        for path in paths:
            for number, row in read_rows(path, progress):
                yield (str(path), number), row


def _hub_rows(settings: DataSettings) -> Iterator[tuple[Place, Row | BadRow]]:
    rows = hub.read_dataset(settings.source, settings.config, settings.split, settings.revision)
    for number, row in bar(rows, total=None, what="read", unit="row"):
        yield (settings.source, number), row
