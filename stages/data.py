"""Read raw preferences, check every row, write pairs.

python -m stages.data
"""

import sys
from collections import Counter
from dataclasses import asdict

from mlx_reward.errors import InputError, run
from mlx_reward.files import write_jsonl
from mlx_reward.intake import Rejected, pairs
from mlx_reward.settings.data import DataSettings
from mlx_reward.settings.reader import read_section
from mlx_reward.settings.split import SplitSettings
from stages import paths


def main() -> None:
    settings = read_section(paths.PARAMS, "data", DataSettings)
    group_by = read_section(paths.PARAMS, "split", SplitSettings).group_by
    if not (settings.source == "starter" or settings.source.startswith("data/")):
        print(f"note: {settings.source} is outside data/, so DVC does not see it change; `dvc repro -f data` reads it again")
    found = list(pairs(settings.source, group_by))
    bad = [row for row in found if isinstance(row, Rejected)]
    if not found:
        raise InputError(f"{settings.source}: holds no rows; check data.source in params.yaml")
    for reason, count in Counter(row.reason for row in bad).most_common():
        print(f"{count:>6} rows set aside: {reason}")
    if len(bad) > settings.max_bad_fraction * len(found):
        first = bad[0]
        raise InputError(
            f"{first.file}, line {first.line}: {first.reason}; {len(bad)} of {len(found)} rows cannot be used, "
            f"more than data.max_bad_fraction ({settings.max_bad_fraction:g})"
        )
    write_jsonl(paths.REJECTED_ROWS, (asdict(row) for row in bad))
    count = write_jsonl(paths.PAIRS, (row.to_row() for row in found if not isinstance(row, Rejected)))
    print(f"{count} pairs from {settings.source}, {len(bad)} rows set aside")


if __name__ == "__main__":
    sys.exit(run(main))
