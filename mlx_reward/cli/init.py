"""The command ``init``: a project of one's own."""

import tempfile
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from mlx_reward.utils.errors import InputError

INIT_EXAMPLE = """\b
Example:
  mlx-reward init my_reward --data preferences.csv
  cd my_reward
  dvc repro"""
SHOWN_ROWS = 3
SHOWN_CHARACTERS = 70  # of each text


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New or empty folder.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Preference data: a jsonl, json, csv or parquet file, which is copied."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="Backbone: a folder, a .gguf file or a Hugging Face repo id."),
    ] = None,
) -> None:
    """Start a project: the pipeline, its settings and a place for data, in Git and DVC."""
    from mlx_reward.pipeline.project import create

    if data is not None:
        _show(data)
    create(folder, data, base)
    print(f"{folder} is ready: cd {folder}, then dvc repro")


def _show(data: Path) -> None:
    """Print the first pairs of a file as stage data reads it; InputError where it cannot."""
    from mlx_reward.config.data import DataSettings
    from mlx_reward.config.reader import DEFAULTS, read_section
    from mlx_reward.data.pair import iterate_pairs
    from mlx_reward.pipeline.data import write_pairs
    from mlx_reward.pipeline.paths import Paths

    if not data.is_file():
        raise InputError(f"{data}: not there, or not a file")
    defaults = read_section(DEFAULTS, "data", DataSettings)
    with tempfile.TemporaryDirectory() as scratch:
        paths = Paths.below(Path(scratch))
        write_pairs(defaults.model_copy(update={"source": str(data)}), None, paths)
        print("The first of them:")
        for number, pair in enumerate(islice(iterate_pairs(paths.pairs), SHOWN_ROWS), 1):
            print(f"{number}. prompt:   {_shortened(pair.prompt)}")
            print(f"   chosen:   {_shortened(pair.chosen)}")
            print(f"   rejected: {_shortened(pair.rejected)}")


def _shortened(text: object) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]}…"
