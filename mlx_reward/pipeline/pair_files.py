"""Files of pairs that a command is given: of this program's own kind, or of any format."""

from itertools import islice
from pathlib import Path

from mlx_reward.config.data import DataSettings
from mlx_reward.data.formats.readers import read_rows
from mlx_reward.pipeline.data import write_pairs
from mlx_reward.pipeline.paths import Paths
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.progress import bar

SPLIT_FIELDS = {"prompt", "chosen", "rejected", "id", "cluster"}  # of what stage split writes


def pair_file(source: Path, settings: DataSettings, scratch: Path) -> Path:
    """Return ``source`` where stage ``split`` wrote it, else a file of its pairs in ``scratch``.

    The rows of other files are converted and checked as stage ``data`` does it.
    """
    if not source.is_file():
        raise InputError(f"{source}: not there, or not a file; name a file of preference data")
    if source.suffix == ".jsonl" and _is_of_split(source):
        return source
    paths = Paths.below(scratch)
    write_pairs(settings.model_copy(update={"source": str(source)}), None, paths)
    return paths.pairs


def _is_of_split(source: Path) -> bool:
    with bar(total=None, what="open", unit="B") as progress:
        first = next(islice(read_rows(source, progress), 1), None)
    return first is not None and isinstance(first[1], dict) and first[1].keys() >= SPLIT_FIELDS
