"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer


def example(*lines: str) -> str:
    """Return the end of a command's help: a command line that works."""
    shown = "\n  ".join(lines)
    return f"""\b
Example:
  {shown}"""


DEFAULT_MODEL = Path("checkpoints/rm_model_bt")

Rows = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A jsonl, json, csv or parquet file, plain, .gz or .zst; - is standard input.",
    ),
]
RowsOutput = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        help="A .jsonl file, or - for standard output. An interrupted job that writes a file "
        "resumes when it is run again.",
    ),
]
Model = Annotated[
    Path,
    typer.Option(
        "--model", "--adapter-path", "-m", help="Folder of the reward model, as train wrote it."
    ),
]
Base = Annotated[
    Path | None,
    typer.Option("--base", "-b", help="Backbone folder, if it is not beside the checkpoint."),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Fail at the end if any row could not be used.")
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace a folder that export or import wrote."),
]


def _checked_penalty(value: float) -> float:
    from mlx_reward.inference.penalty import check_uncertainty_penalty

    check_uncertainty_penalty(value)
    return value


UncertaintyPenalty = Annotated[
    float,
    typer.Option(
        "--uncertainty-penalty",
        "--caution",
        help="Subtract this many times its uncertainty from each reward.",
        callback=_checked_penalty,
    ),
]
