"""The table of metrics: one row for each metric of a model on its test split.

metrics/eval.json, the table of the report and that of a model card follow from it. To add a metric,
add a row to METRICS, and its function here or in the module that it belongs to.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlx_reward.evaluation.calibration_null import CalibrationNull, ece_or_none
from mlx_reward.evaluation.distance import is_far
from mlx_reward.evaluation.intervals import (
    POSITIVE,
    UNIT,
    Estimate,
    mean_estimate,
    share_estimate,
    statistic_estimate,
)
from mlx_reward.evaluation.length_bias import accuracy_at_equal_length, correlation
from mlx_reward.evaluation.metrics import (
    accuracy,
    auroc,
    brier,
    correct,
    log_losses,
    nll,
    squared_errors,
)
from mlx_reward.evaluation.paired import Difference, difference
from mlx_reward.evaluation.predictions import Predictions
from mlx_reward.evaluation.ranking import mean_over_groups
from mlx_reward.evaluation.risk_control import best_promise, find_threshold, is_decided
from mlx_reward.evaluation.selective import aurc, coverage_at
from mlx_reward.evaluation.shift import by_cluster, shift
from mlx_reward.evaluation.smece import smece
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError

PROMISED = 0.1  # share of wrong decisions that metrics/eval.json shows the promise for
Value = Estimate | float | int | dict[str, Any] | None


@dataclass(frozen=True)
class Metric:
    """A row of the table.

    ``name`` is its key in metrics/eval.json, ``title`` what people read in tables; a metric without
    title is in the file alone. ``function`` returns a number, or an ``Estimate`` where the metric
    has an interval, which becomes the keys ``name``, ``name_low`` and ``name_high``. None becomes
    null; where ``optional``, the key is left out instead.
    """

    name: str
    title: str | None
    function: Callable[[Predictions], Value]
    optional: bool = False


def of_null(
    figure: Callable[[CalibrationNull], float],
) -> Callable[[Predictions], float | None]:
    """Return a figure of the simulated null of ECE; None where there are too few pairs for one."""
    return lambda p: None if p.null is None else figure(p.null)


def over_groups(name: str) -> Callable[[Predictions], Estimate]:
    """Return the mean of a ranking metric over groups of responses, with its interval."""
    return lambda p: mean_over_groups(name, p.groups)


def area_under_curve(p: Predictions) -> Estimate:
    """Return the AUROC, which can be no surer than there are clusters with a wrong decision."""
    return statistic_estimate(
        lambda pairs: auroc(p.logits[pairs]), p.clusters, UNIT, scarce=p.logits > 0
    )


def length_controlled_accuracy(p: Predictions) -> Estimate:
    return statistic_estimate(
        lambda pairs: accuracy_at_equal_length(p.margins[pairs], p.length_gain[pairs]),
        p.clusters,
        UNIT,
    )


def over_length(p: Predictions) -> Difference:
    """Return the model's accuracy less that of always preferring the longer response."""
    return difference(p.margins, p.length_gain, p.clusters)


def over_words(p: Predictions) -> Difference | None:
    """Return the model's accuracy less that of a bag of words."""
    if p.baseline_margins is None:
        return None
    return difference(p.margins, p.baseline_margins, p.clusters)


def accuracy_where(margins: Array, where: NDArray[np.bool_]) -> float | None:
    """Return the accuracy on the pairs ``where`` (P,) is true; None where it never is."""
    return accuracy(margins[where]) if where.any() else None


def count_where(where: NDArray[np.bool_]) -> int | None:
    """Return how many pairs ``where`` (P,) is true of; None for none."""
    return int(where.sum()) or None


def member_metrics(p: Predictions) -> dict[str, Any] | None:
    """Return the metrics of each model of an ensemble, calibrated by itself; None of one model."""
    if p.member_rewards is None or len(p.member_rewards) == 1:
        return None
    found = {}
    pairs = zip(p.member_rewards, p.member_calibrators, strict=True)
    for number, (rewards, calibrator) in enumerate(pairs, 1):
        logits = calibrator(p.test.margins(rewards))
        found[str(number)] = {
            "accuracy": accuracy(logits),
            "nll": nll(logits),
            "ece": ece_or_none(logits, p.bins),
        }
    return found


def best_vs_rest_accuracy(p: Predictions) -> Estimate | None:
    """Return the accuracy on pairs whose chosen response is the best of a ranked prompt; None
    where no prompt has three or more responses.
    """
    where = p.chosen_is_best
    if not p.groups or not where.any():
        return None
    clusters = [p.clusters[i] for i in np.flatnonzero(where)]
    return share_estimate(correct(p.logits[where]), clusters)


def bag_of_words_accuracy(p: Predictions) -> float | None:
    return None if p.baseline_margins is None else accuracy(p.baseline_margins)


def gain_over_bag_of_words(p: Predictions) -> Estimate | None:
    found = over_words(p)
    return None if found is None else found.change


def bag_of_words_p(p: Predictions) -> float | None:
    found = over_words(p)
    return None if found is None else found.p


def shift_p(p: Predictions) -> float | None:
    if p.valid_margins is None:
        return None
    return shift(p.valid_margins, by_cluster(p.margins, p.clusters))


def decided(p: Predictions) -> dict[str, Any] | None:
    """Return what ``decide`` does with the test pairs at max_error PROMISED; None without valid.

    Where held-out prompts show no threshold for it, it abstains from all of them.
    """
    if p.promises is None:
        return None
    threshold = find_threshold(p.promises.choosing, p.promises.testing, PROMISED)
    best = best_promise(p.promises.choosing, p.promises.testing)
    found: dict[str, Any] = {"max_error": PROMISED, "best_max_error": best, "coverage": 0.0}
    if threshold is None:
        return found
    where = is_decided(p.margins, threshold.margin)
    found |= {"threshold": threshold.margin, "coverage": float(where.mean())}
    if not where.any():
        return found
    clusters = [p.clusters[i] for i in np.flatnonzero(where)]
    return found | share_estimate(1 - correct(p.margins[where]), clusters).fields("error")


# Metrics of logits are those after calibration, metrics of margins those before it. ECE has no
# interval: none holds the truth, because ECE is larger than the truth by the noise of its bins.
METRICS: tuple[Metric, ...] = (
    Metric("accuracy", "accuracy", lambda p: share_estimate(correct(p.logits), p.clusters)),
    Metric("ece", "expected calibration error", of_null(lambda null: null.folded.ece)),
    Metric(
        "ece_null_mean",
        "ECE of a perfectly calibrated model, mean",
        of_null(lambda null: null.mean),
    ),
    Metric(
        "ece_null_95",
        "ECE of a perfectly calibrated model, 95 % point",
        of_null(lambda null: null.upper),
    ),
    Metric("ece_p", "p of perfect calibration", of_null(lambda null: null.p)),
    Metric("ece_debiased", "ECE without that of chance", of_null(lambda null: null.debiased)),
    Metric(
        "smece",
        "smooth calibration error",
        of_null(lambda null: smece(null.folded.confidence, null.folded.correct)),
    ),
    Metric(
        "best_vs_rest_accuracy",
        "accuracy of a prompt's best response against the others",
        best_vs_rest_accuracy,
        optional=True,
    ),
    Metric(
        "nll",
        "negative log-likelihood, nats",
        lambda p: mean_estimate(log_losses(p.logits), p.clusters, POSITIVE),
    ),
    Metric(
        "brier", "Brier score", lambda p: mean_estimate(squared_errors(p.logits), p.clusters, UNIT)
    ),
    Metric("auroc", "AUROC of being right", area_under_curve),
    Metric("aurc", "area under risk against coverage", lambda p: aurc(p.margins)),
    Metric(
        "coverage_at_10_percent_error",
        "share of the surest pairs of which 10 % are wrong",
        lambda p: coverage_at(p.margins, PROMISED),
    ),
    Metric("decided", None, decided, optional=True),
    Metric(
        "far_from_training",
        "share of texts unlike the training texts",
        lambda p: None if p.distances is None else float(is_far(p.distances).mean()),
        optional=True,
    ),
    Metric("ece_before", "ECE before calibration", lambda p: ece_or_none(p.margins, p.bins)),
    Metric("ece_bins", None, lambda p: min(p.bins, len(p.margins))),
    Metric("nll_before", None, lambda p: nll(p.margins)),
    Metric("brier_before", None, lambda p: brier(p.margins)),
    Metric("temperature", "temperature", lambda p: p.calibrator.temperature),
    Metric("calibration_knots", None, lambda p: len(p.calibrator.knots)),
    Metric("reward_chosen_mean", None, lambda p: float(np.mean(p.rewards[p.test.chosen]))),
    Metric("reward_rejected_mean", None, lambda p: float(np.mean(p.rewards[p.test.rejected]))),
    Metric("longer_wins_accuracy", None, lambda p: accuracy(p.length_gain)),
    Metric(
        "gain_over_longer_wins",
        "accuracy above preferring the longer response",
        lambda p: over_length(p).change,
    ),
    Metric("longer_wins_p", None, lambda p: over_length(p).p),
    Metric(
        "length_controlled_accuracy",
        "accuracy at equal length, by regression",
        length_controlled_accuracy,
    ),
    Metric(
        "margin_length_correlation",
        None,
        lambda p: correlation(p.margins, p.length_gain),
        optional=True,
    ),
    Metric(
        "length_matched_accuracy",
        "accuracy on pairs of equal length",
        lambda p: accuracy_where(p.margins, p.length_matched),
        optional=True,
    ),
    Metric("length_matched_pairs", None, lambda p: count_where(p.length_matched), optional=True),
    Metric(
        "shorter_right_accuracy",
        "accuracy where the shorter response is right",
        lambda p: accuracy_where(p.margins, p.length_gain < 0),
        optional=True,
    ),
    Metric("shorter_right_pairs", None, lambda p: count_where(p.length_gain < 0), optional=True),
    Metric("groups", None, lambda p: len(p.groups)),
    Metric("groups_sparse", None, lambda p: p.sparse_groups or None, optional=True),
    Metric("spearman", "Spearman's rank correlation in a prompt", over_groups("spearman")),
    Metric("kendall", "Kendall's tau in a prompt", over_groups("kendall")),
    Metric("ndcg", "NDCG in a prompt", over_groups("ndcg")),
    Metric("best_of_n_regret", "regret of best-of-N", over_groups("best_of_n_regret")),
    Metric("pairs", None, lambda p: len(p.margins)),
    Metric("ties", None, lambda p: int((p.margins == 0).sum())),
    Metric("judge_ties", None, lambda p: p.judge_ties, optional=True),
    Metric("judge_contradictions", None, lambda p: p.judge_contradictions, optional=True),
    Metric("texts", None, lambda p: len(p.test.texts)),
    Metric("prompts_cut", None, lambda p: p.test.cut),
    Metric("pairs_dropped", None, lambda p: len(p.test.dropped)),
    Metric("members", None, member_metrics, optional=True),
    Metric("bag_of_words_accuracy", None, bag_of_words_accuracy, optional=True),
    Metric(
        "gain_over_bag_of_words",
        "accuracy above words alone",
        gain_over_bag_of_words,
        optional=True,
    ),
    Metric("bag_of_words_p", None, bag_of_words_p, optional=True),
    Metric("valid_accuracy", None, lambda p: p.valid_accuracy, optional=True),
    Metric("shift_p", None, shift_p, optional=True),
)


def compute(predictions: Predictions) -> dict[str, Any]:
    """Return metrics/eval.json; raise InputError where a reward is not finite."""
    wrong = int((~np.isfinite(predictions.rewards)).sum())
    if wrong:
        raise InputError(
            f"{wrong} of {len(predictions.rewards)} rewards on the test split are not finite; "
            "lower train.learning_rate and train again"
        )
    found: dict[str, Any] = {}
    for metric in METRICS:
        value = metric.function(predictions)
        if isinstance(value, Estimate):
            found |= value.fields(metric.name)
        elif value is not None or not metric.optional:
            found[metric.name] = value
    return found


class TableRow(NamedTuple):
    """A row of the table that people read; None for what was not computed."""

    title: str
    value: float | int | None
    low: float | None
    high: float | None


def table_rows(metrics: Mapping[str, Any]) -> list[TableRow]:
    """Return the rows that people read, from metrics/eval.json."""
    return [
        TableRow(
            title=metric.title,
            value=metrics.get(metric.name),
            low=metrics.get(f"{metric.name}_low"),
            high=metrics.get(f"{metric.name}_high"),
        )
        for metric in METRICS
        if metric.title is not None
    ]


def markdown_table(metrics: Mapping[str, Any]) -> str:
    """Return the metrics that have an interval as a table in Markdown."""
    lines = ["| metric | value | 95 % interval |", "|---|---|---|"]
    for row in table_rows(metrics):
        if row.value is not None and row.low is not None and row.high is not None:
            lines.append(f"| {row.title} | {row.value:.4f} | {row.low:.4f} to {row.high:.4f} |")
    return "\n".join(lines)
