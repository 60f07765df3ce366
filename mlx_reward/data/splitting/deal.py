"""The pairs of a file, written to those of their splits, each with its cluster."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from mlx_reward.data.splitting.plan import SplitPlan
from mlx_reward.utils.files import read_jsonl, whole_file


def deal_pairs(path: Path, targets: Sequence[Path], plan: SplitPlan) -> list[int]:
    """Write the pairs of ``path`` to ``targets``, a file a split; return how many each has.

    A pair's ``cluster`` is the id of the first pair with which it had to share a split, so that
    more data at the end of a file renames no cluster. Excluded pairs are left out.
    """
    counts = [0] * len(targets)
    first_ids: dict[int, str] = {}
    with ExitStack() as stack:
        temporary = [stack.enter_context(whole_file(target)) for target in targets]
        files = [stack.enter_context(path.open("w", encoding="utf-8")) for path in temporary]
        decided = zip(read_jsonl(path), plan.splits.tolist(), plan.clusters.tolist(), strict=True)
        for row, split, cluster in decided:
            row["cluster"] = first_ids.setdefault(cluster, row["id"])
            if split < len(files):
                files[split].write(json.dumps(row, ensure_ascii=False) + "\n")
                counts[split] += 1
    return counts
