"""Split pairs into train, valid and test; pairs of one group share a side.

python -m stages.split
"""

import sys
from collections import Counter

from mlx_reward.errors import run
from mlx_reward.files import write_jsonl
from mlx_reward.preferences import iterate_pairs
from mlx_reward.settings.reader import read_section
from mlx_reward.settings.split import SplitSettings
from mlx_reward.splitting.allocate import allocate, counts
from stages import paths


def main() -> None:
    settings = read_section(paths.PARAMS, "split", SplitSettings)
    sizes = Counter(pair.group for pair in iterate_pairs(paths.PAIRS))
    valid, test = counts(sizes.total(), settings.valid_size, settings.test_size)
    side_of = dict(zip(sizes, allocate(list(sizes.values()), valid, test, settings.seed), strict=True))
    for side, path in (("train", paths.TRAIN), ("valid", paths.VALID), ("test", paths.TEST)):
        rows = (pair.to_row() for pair in iterate_pairs(paths.PAIRS) if side_of[pair.group] == side)
        print(f"{side:<5} {write_jsonl(path, rows):>7} pairs, {sum(s == side for s in side_of.values()):>6} groups")


if __name__ == "__main__":
    sys.exit(run(main))
