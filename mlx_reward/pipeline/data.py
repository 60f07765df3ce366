"""Read raw preferences, check every row, write pairs."""

from pathlib import Path

from mlx_reward.config.data import DataSettings
from mlx_reward.config.reader import read_section
from mlx_reward.config.split import SplitSettings
from mlx_reward.data.formats.columns import rename
from mlx_reward.data.formats.convert import converter
from mlx_reward.data.gather import (
    gather,
    reason_lines,
    refuse_if_bad,
    resolve,
    set_aside_rows,
)
from mlx_reward.data.ingest import ingest
from mlx_reward.data.ratings import Ratings
from mlx_reward.data.sources.source import open_source
from mlx_reward.data.stats import DataStats, agreement_metrics, set_aside_counts
from mlx_reward.pipeline.paths import PARAMS, Paths
from mlx_reward.utils.files import scratch_folder, write_json, write_jsonl


def main() -> None:
    settings = read_section(PARAMS, "data", DataSettings)
    group_by = read_section(PARAMS, "split", SplitSettings).group_by
    if Path(settings.source).exists() and not settings.source.startswith("data/"):
        print(
            f"note: {settings.source} is outside data/, so DVC does not see it change; "
            "`dvc repro -f data` reads it again"
        )
    write_pairs(settings, group_by, Paths())


def write_pairs(settings: DataSettings, group_by: str | None, paths: Paths) -> None:
    """Convert the rows of the source to pairs, with the value of the field ``group_by`` in each."""
    source = open_source(settings)
    paths.pairs.parent.mkdir(parents=True, exist_ok=True)
    with (
        scratch_folder(paths.pairs.parent / ".data.tmp") as scratch,
        Ratings(scratch) as ratings,
    ):
        rows = rename(source.rows, settings.columns)
        found = gather(ingest(rows, converter(source.format), group_by, ratings), scratch)
        refuse_if_bad(found, settings)
        stats = DataStats()
        count = write_jsonl(paths.pairs, (pair.to_row() for pair in stats.count(resolve(found))))
        write_jsonl(paths.rejected_rows, set_aside_rows(found))
    agreement = agreement_metrics(found.index.votes())
    print(reason_lines(found), end="")
    write_json(paths.metrics / "data.json", set_aside_counts(found) | stats.metrics() | agreement)
    write_json(
        paths.plots / "subsets.json",
        [{"subset": name, "pairs": n} for name, n in stats.subsets.most_common(50)],
    )
    print(f"{count} pairs from {found.rows} rows of {settings.source}")
