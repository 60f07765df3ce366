"""Split pairs into train, valid and test, which share no prompt, near duplicate or group."""

import tempfile
from itertools import chain
from pathlib import Path

from mlx_reward.config.reader import read_section
from mlx_reward.config.split import SplitSettings
from mlx_reward.config.train import TrainSettings
from mlx_reward.data.chat import load_renderer
from mlx_reward.data.pair import iterate_pairs
from mlx_reward.data.split_stats import sample, token_figures, vocabulary_overlap
from mlx_reward.data.splitting.benchmarks import read_prompts
from mlx_reward.data.splitting.plan import SIDES, plan
from mlx_reward.evaluation.plot_rows import length_rows
from mlx_reward.pipeline import paths
from mlx_reward.utils.files import deal_lines, write_json
from mlx_reward.utils.progress import bar


def main() -> None:
    settings = read_section(paths.PARAMS, "split", SplitSettings)
    limit = read_section(paths.PARAMS, "train", TrainSettings).max_seq_length
    with tempfile.TemporaryDirectory(dir=paths.PAIRS.parent, prefix=".split.") as scratch:
        benchmark = chain.from_iterable(read_prompts(source) for source in settings.exclude)
        with paths.PAIRS.open("rb") as file:
            total = sum(1 for _ in file)
        pairs = bar(iterate_pairs(paths.PAIRS), total=total, what="prompts", unit="pair")
        planned = plan(pairs, benchmark, settings, Path(scratch))
    outputs = (paths.TRAIN, paths.VALID, paths.TEST)
    sizes = deal_lines(paths.PAIRS, outputs, planned.sides)
    samples = [sample(iterate_pairs(path), size) for path, size in zip(outputs, sizes, strict=True)]
    tokens, lengths = token_figures(samples[0], load_renderer(paths.BASE, 1 << 20), limit)
    figures = (
        {f"{side}_pairs": size for side, size in zip(SIDES, sizes, strict=True)}
        | planned.figures
        | tokens
    )
    write_json(
        paths.METRICS / "split.json",
        figures | {"vocabulary_overlap": vocabulary_overlap(samples[0], samples[2])},
    )
    write_json(paths.PLOTS / "tokens.json", length_rows(lengths))
    print(", ".join(f"{size} pairs in {side}" for side, size in zip(SIDES, sizes, strict=True)))
    print(
        f"{figures['groups']} groups of {figures['prompts']} prompts; "
        f"{figures['prompts_linked']} prompts are nearly another"
    )
    if settings.exclude:
        print(f"{figures['pairs_excluded']} pairs left out: their prompts occur in split.exclude")
