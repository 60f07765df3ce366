"""Measure the calibrated model on the test split, with probes, and on benchmark sets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlx_reward.config.eval import EvalSettings
from mlx_reward.config.reader import read_section
from mlx_reward.data.dataset import PreferenceDataset
from mlx_reward.data.edits.augment import TRAINED_FAMILIES
from mlx_reward.data.pair import read_pairs
from mlx_reward.engine.ensemble import Ensemble, mean_and_deviation
from mlx_reward.engine.load import load
from mlx_reward.engine.scores import Scores
from mlx_reward.evaluation.baselines import bag_of_words_margins
from mlx_reward.evaluation.benchmark_sets.measure import measure, names
from mlx_reward.evaluation.calibrator import Calibrator
from mlx_reward.evaluation.metric_table import compute
from mlx_reward.evaluation.plot_rows import plot_rows
from mlx_reward.evaluation.predictions import Predictions, reward_rows
from mlx_reward.evaluation.probes import probes
from mlx_reward.evaluation.risk_control import Promises
from mlx_reward.evaluation.robustness import robustness
from mlx_reward.evaluation.uncertainty import COLUMNS, read
from mlx_reward.evaluation.warnings import warnings
from mlx_reward.pipeline.paths import PARAMS, Paths
from mlx_reward.pipeline.tokenized import tokenized
from mlx_reward.report.charts import reliability_svg
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.files import read_json, whole_file, write_json, write_jsonl


def main() -> None:
    evaluate(read_section(PARAMS, "eval", EvalSettings), Paths())


def evaluate(settings: EvalSettings, paths: Paths, baseline: bool = True) -> dict[str, Any]:
    """Score the test split, probes and benchmark sets; write what they show, return the metrics.

    ``baseline`` compares the model with a bag of words that is fitted on the train split.
    """
    remedy = "run `dvc repro calibrate`, or `mlx-reward calibrate` where there is no project"
    calibration = read_json(paths.calibration, remedy)
    data_metrics = paths.metrics / "data.json"  # of stage data, which a command does without
    counts = read_json(data_metrics, "run `dvc repro data`") if data_metrics.exists() else {}
    model = load(paths.reward_model, paths.base)
    renderer = model.renderer

    def score(texts: Sequence[list[int]]) -> Array:
        return mean_and_deviation(model.ensemble.score(texts, "eval"))[0]

    test = tokenized(paths.test, renderer)
    member_rewards, scores = _score(model.ensemble, test.texts, paths.uncertainty)
    predictions = Predictions(
        test=test,
        rewards=scores.rewards,
        distances=scores.distances if paths.uncertainty.exists() else None,
        calibrator=Calibrator.read(calibration),
        bins=settings.ece_bins,
        member_rewards=member_rewards,
        member_calibrators=tuple(Calibrator.read(member) for member in calibration["members"]),
        baseline_margins=_baseline_margins(paths, test) if baseline else None,
        valid_margins=calibration["margins"],
        valid_accuracy=calibration.get("valid_accuracy"),
        promises=Promises.read(calibration.get("promises", {})),
        judge_ties=counts.get("ties"),
        judge_contradictions=counts.get("contradictions"),
    )
    metrics = compute(predictions)
    probe_metrics, examples = robustness(
        probes(test.pairs, settings.probes),
        renderer,
        score,
        TRAINED_FAMILIES if model.config.params.get("augment") else (),
    )
    benchmarks = {
        name: measure(source, renderer, score)
        for name, source in zip(names(settings.benchmarks), settings.benchmarks, strict=True)
    }
    plots = plot_rows(predictions)
    caption = _caption(metrics)

    write_json(paths.metrics / "probes.json", probe_metrics)
    write_jsonl(paths.probe_examples, examples)
    write_json(paths.metrics / "benchmarks.json", benchmarks)
    write_jsonl(paths.test_rewards, reward_rows(predictions, scores.uncertainties))
    for plot, rows in plots.items():
        write_json(paths.plots / f"{plot}.json", rows)
    with whole_file(paths.plots / "reliability.svg") as temporary:
        svg = reliability_svg(plots["reliability_before"], plots["reliability_after"], caption)
        temporary.write_text(svg, encoding="utf-8")
    write_json(paths.metrics / "eval.json", metrics)
    for line in test.warnings():
        print(line)
    print(caption + _chance(metrics))
    for warning in warnings(metrics, probe_metrics):
        print(f"warning: {warning}")
    for name, found in benchmarks.items():
        if found["unusable"]:
            print(
                f"warning: {name}: {found['unusable']} rows are not measured; "
                f"the first: {found['unusable_first']}"
            )
    return metrics


def _score(
    ensemble: Ensemble, texts: list[list[int]], uncertainty_file: Path
) -> tuple[Array, Scores]:
    """Return the members' rewards (K, N), and their mean with what is known of its uncertainty.

    A command that calibrates without training data leaves no ``uncertainty_file``.
    """
    if not uncertainty_file.exists():
        member_rewards = ensemble.score(texts, "eval")
        return member_rewards, Scores.of_rewards(member_rewards)
    uncertainty = read(uncertainty_file, ensemble.widths)
    member_rewards, measured = ensemble.score_and_measure(
        texts, uncertainty.measure, COLUMNS, "eval"
    )
    return member_rewards, Scores.of_rewards(member_rewards, measured[..., 0], measured[0, :, 1])


def _baseline_margins(paths: Paths, test: PreferenceDataset) -> Array:
    return bag_of_words_margins(read_pairs(paths.train), test.pairs)


def _caption(metrics: dict[str, Any]) -> str:
    line = f"{metrics['pairs']:,} test pairs: accuracy {metrics['accuracy']:.3f}"
    return line if metrics["ece"] is None else f"{line}, ECE {metrics['ece']:.3f}"


def _chance(metrics: dict[str, Any]) -> str:
    """Return what stands behind the caption where it is printed."""
    if metrics["ece"] is None:
        return "; too few pairs for an ECE"
    return (
        f"; a perfectly calibrated model's ECE here: {metrics['ece_null_mean']:.3f}, "
        f"up to {metrics['ece_null_95']:.3f}"
    )
