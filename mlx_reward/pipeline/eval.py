"""Measure the calibrated model on the test split, which nothing before has seen, and on sets that others measure on."""

from collections.abc import Hashable, Sequence

from mlx_reward.config.eval import EvalSettings
from mlx_reward.config.reader import read_section
from mlx_reward.data.chat import load_renderer
from mlx_reward.data.dataset import tokenize
from mlx_reward.data.pair import read_pairs
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.ensemble import Ensemble, mean_and_deviation
from mlx_reward.evaluation.baselines import bag_of_words_margins
from mlx_reward.evaluation.benchmark_sets.measure import measure, name
from mlx_reward.evaluation.calibration import Calibrator
from mlx_reward.evaluation.metrics import accuracy, reliability
from mlx_reward.evaluation.probes import probes
from mlx_reward.evaluation.robustness import robustness
from mlx_reward.evaluation.summary import figures, member_figures, plot_rows, reward_rows
from mlx_reward.evaluation.warnings import shift, warnings
from mlx_reward.model import checkpoint
from mlx_reward.pipeline import paths
from mlx_reward.report.reliability import draw_reliability
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.files import read_json, write_json, write_jsonl


def main() -> None:
    settings = read_section(paths.PARAMS, "eval", EvalSettings)
    bins, calibration = settings.ece_bins, read_json(paths.CALIBRATION, "run `dvc repro calibrate`")
    loaded = checkpoint.load(paths.REWARD_MODEL, paths.BASE)
    ensemble = Ensemble(Engine(loaded.network), loaded.members)
    renderer = load_renderer(paths.BASE, loaded.config.max_seq_length, loaded.config.chat_template)

    def score(texts: Sequence[list[int]], prompts: Sequence[Hashable]) -> Array:
        return mean_and_deviation(ensemble.score(texts, prompts, "eval"))[0]

    test = tokenize(read_pairs(paths.TEST), renderer)
    rewards, deviations = mean_and_deviation(
        each := ensemble.score(test.texts, test.prompts, "eval")
    )
    margins = test.margins(rewards)
    calibrator, *members = map(Calibrator.read, [calibration, *calibration["members"]])
    logits = calibrator(margins)
    evidence = figures(test, rewards, calibrator, bins) | member_figures(test, each, members, bins)
    evidence["bag_of_words_accuracy"] = accuracy(
        bag_of_words_margins(read_pairs(paths.TRAIN), test.pairs)
    )
    evidence["shift_p"] = shift(calibration["margins"], margins)
    fooled, examples = robustness(probes(test.pairs, settings.probes), renderer, score)
    write_json(paths.METRICS / "probes.json", fooled)
    write_jsonl(paths.PROBE_EXAMPLES, examples)
    write_json(
        paths.METRICS / "benchmarks.json",
        {name(s): measure(s, renderer, score) for s in settings.benchmarks},
    )
    write_jsonl(paths.TEST_REWARDS, reward_rows(test, rewards, deviations, logits))
    for plot, rows in plot_rows(test, margins, logits, bins).items():
        write_json(paths.PLOTS / f"{plot}.json", rows)
    caption = f"{len(margins):,} test pairs: accuracy {evidence['accuracy']:.3f}, ECE {evidence['ece']:.3f}"
    draw_reliability(
        paths.PLOTS / "reliability.svg",
        reliability(margins, bins),
        reliability(logits, bins),
        caption,
    )
    write_json(paths.METRICS / "eval.json", evidence)
    print(caption, *(f"warning: {sentence}" for sentence in warnings(evidence)), sep="\n")
