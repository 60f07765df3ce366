"""Measure the calibrated model on the test split, which nothing before has seen.

python -m stages.eval
"""

import sys

from mlx_reward import checkpoint
from mlx_reward.baselines import bag_of_words_margins
from mlx_reward.comparisons import compare
from mlx_reward.errors import run
from mlx_reward.evidence import figures, reward_rows, subset_rows
from mlx_reward.files import read_json, write_json, write_jsonl
from mlx_reward.metrics import accuracy, coverage, reliability
from mlx_reward.plots import draw_reliability, histogram_rows, reliability_rows
from mlx_reward.preferences import read_pairs
from mlx_reward.scoring import score
from mlx_reward.settings.eval import EvalSettings
from mlx_reward.settings.reader import read_section
from stages import paths


def main() -> None:
    bins = read_section(paths.PARAMS, "eval", EvalSettings).ece_bins
    temperature = read_json(paths.CALIBRATION, "run `dvc repro calibrate`")["temperature"]
    model, renderer, _ = checkpoint.load(paths.REWARD_MODEL, paths.BASE)
    test = compare(read_pairs(paths.TEST), renderer)
    rewards = score(model, test.texts, test.prompts, "eval")
    margins = test.margins(rewards)
    evidence = figures(test, rewards, temperature, bins)
    evidence["bag_of_words_accuracy"] = accuracy(bag_of_words_margins(read_pairs(paths.TRAIN), test.pairs))
    write_jsonl(paths.TEST_REWARDS, reward_rows(test, rewards, temperature))
    before, after = reliability(margins, bins), reliability(margins / temperature, bins)
    write_json(paths.PLOTS / "reliability_before.json", reliability_rows(before))
    write_json(paths.PLOTS / "reliability_after.json", reliability_rows(after))
    write_json(paths.PLOTS / "margins.json", histogram_rows(margins))
    write_json(paths.PLOTS / "coverage.json", [{"coverage": c, "accuracy": a} for c, a in coverage(margins)])
    write_json(paths.PLOTS / "subset_accuracy.json", subset_rows(test, margins))
    caption = f"{len(margins):,} test pairs: accuracy {evidence['accuracy']:.3f}, ECE {evidence['ece']:.3f}"
    draw_reliability(paths.PLOTS / "reliability.svg", before, after, caption)
    write_json(paths.METRICS / "eval.json", evidence)
    print(caption)
    if evidence["accuracy"] <= evidence["longer_wins_accuracy"] or evidence["longer_wins_p"] > 0.05:
        print(
            "warning: not significantly better than preferring the longer response; see longer_wins_accuracy and longer_wins_p"
        )


if __name__ == "__main__":
    sys.exit(run(main))
