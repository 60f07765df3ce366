"""Read raw preferences, check every row, write pairs."""

import tempfile
from pathlib import Path

from mlx_reward.config.data import DataSettings
from mlx_reward.config.reader import read_section
from mlx_reward.config.split import SplitSettings
from mlx_reward.data.formats.convert import converter
from mlx_reward.data.gather import aside, gather, reasons, refuse_if_bad, settle
from mlx_reward.data.ingest import pairs
from mlx_reward.data.ratings import Ratings
from mlx_reward.data.sources.source import open_source
from mlx_reward.data.stats import DataStats, agreement_figures, set_aside_figures
from mlx_reward.pipeline import paths
from mlx_reward.utils.files import write_json, write_jsonl


def main() -> None:
    settings = read_section(paths.PARAMS, "data", DataSettings)
    group_by = read_section(paths.PARAMS, "split", SplitSettings).group_by
    if Path(settings.source).exists() and not settings.source.startswith("data/"):
        print(
            f"note: {settings.source} is outside data/, so DVC does not see it change; "
            "`dvc repro -f data` reads it again"
        )
    source = open_source(settings)
    paths.PAIRS.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=paths.PAIRS.parent, prefix=".data.") as scratch,
        Ratings(Path(scratch)) as ratings,
    ):
        found = gather(
            pairs(source.rows, converter(source.format), group_by, ratings), Path(scratch)
        )
        refuse_if_bad(found, settings)
        survey = DataStats()
        count = write_jsonl(paths.PAIRS, (pair.to_row() for pair in survey.watch(settle(found))))
        write_jsonl(paths.REJECTED_ROWS, aside(found))
    votes = agreement_figures(found.ledger.votes())
    print(reasons(found), end="")
    write_json(paths.METRICS / "data.json", set_aside_figures(found) | survey.figures() | votes)
    write_json(
        paths.PLOTS / "subsets.json",
        [{"subset": name, "pairs": n} for name, n in survey.subsets.most_common(50)],
    )
    print(f"{count} pairs from {found.rows} rows of {settings.source}")
