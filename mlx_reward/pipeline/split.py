"""Split pairs into train, valid and test, which share no prompt, near duplicate or group."""

from collections import Counter
from itertools import chain
from typing import Any

from mlx_reward.config.reader import read_section
from mlx_reward.config.split import SplitSettings
from mlx_reward.config.train import TrainSettings
from mlx_reward.data.chat import load_renderer
from mlx_reward.data.pair import iterate_pairs
from mlx_reward.data.split_stats import (
    even_sample,
    token_lengths,
    token_metrics,
    vocabulary_overlap,
)
from mlx_reward.data.splitting.benchmarks import read_prompts
from mlx_reward.data.splitting.deal import deal_pairs
from mlx_reward.data.splitting.plan import SPLITS, SplitPlan, plan_splits
from mlx_reward.evaluation.plot_rows import length_rows
from mlx_reward.pipeline.paths import PARAMS, Paths
from mlx_reward.utils.files import scratch_folder, write_json
from mlx_reward.utils.progress import bar

NO_LIMIT = 1 << 20  # tokens: lengths are counted before anything is cut


def main() -> None:
    settings = read_section(PARAMS, "split", SplitSettings)
    max_seq_length = read_section(PARAMS, "train", TrainSettings).max_seq_length
    paths = Paths()
    metrics = split(settings, paths)
    sample = even_sample(iterate_pairs(paths.train), metrics["train_pairs"])
    lengths = token_lengths(sample, load_renderer(paths.base, NO_LIMIT))
    metrics |= token_metrics(lengths, max_seq_length)
    write_json(paths.metrics / "split.json", metrics)
    write_json(paths.plots / "tokens.json", length_rows(lengths))


def split(settings: SplitSettings, paths: Paths) -> dict[str, Any]:
    """Write the three files of pairs, and return how they compare with each other."""
    unread: Counter[str] = Counter()
    plan = _plan(settings, paths, unread)
    outputs = (paths.train, paths.valid, paths.test)
    sizes = dict(zip(SPLITS, deal_pairs(paths.pairs, outputs, plan), strict=True))
    train, _, test = (
        even_sample(iterate_pairs(path), size)
        for path, size in zip(outputs, sizes.values(), strict=True)
    )
    metrics = (
        {f"{name}_pairs": size for name, size in sizes.items()}
        | plan.metrics
        | {"vocabulary_overlap": vocabulary_overlap(train, test)}
    )
    print(", ".join(f"{size} pairs in {name}" for name, size in sizes.items()))
    print(
        f"{metrics['groups']} groups of {metrics['prompts']} prompts; "
        f"{metrics['prompts_linked']} prompts are nearly another"
    )
    if settings.exclude:
        print(f"{metrics['pairs_excluded']} pairs left out: their prompts occur in split.exclude")
    for source, rows in unread.items():
        if rows:
            print(f"warning: split.exclude: no prompt was found in {rows} rows of {source}")
    return metrics


def _plan(settings: SplitSettings, paths: Paths, unread: Counter[str]) -> SplitPlan:
    """Decide for each pair which split it goes to; count rows without a prompt in ``unread``."""
    with paths.pairs.open("rb") as file:
        total = sum(1 for _ in file)
    pairs = bar(iterate_pairs(paths.pairs), total=total, what="prompts", unit="pair")
    excluded = chain.from_iterable(read_prompts(source, unread) for source in settings.exclude)
    with scratch_folder(paths.pairs.parent / ".split.tmp") as scratch:
        return plan_splits(pairs, excluded, settings, scratch)
