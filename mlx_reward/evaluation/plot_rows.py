"""Rows of metrics/plots, which DVC plots and the report draw."""

from collections.abc import Mapping, Sequence

import numpy as np

from mlx_reward.evaluation.calibration_null import CalibrationNull, ece_or_none
from mlx_reward.evaluation.intervals import share_estimate
from mlx_reward.evaluation.metrics import Bin, correct, coverage, reliability
from mlx_reward.evaluation.predictions import Predictions, Row
from mlx_reward.evaluation.sign_flips import holm, sign_flip_p
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.grouping import group_indices


def plot_rows(predictions: Predictions) -> dict[str, list[Row]]:
    """Return the rows of every plot of stage eval, by name."""
    margins, logits, bins = predictions.margins, predictions.logits, predictions.bins
    return {
        "reliability_before": reliability_rows(reliability(margins, bins)),
        "reliability_after": with_band(
            reliability_rows(reliability(logits, bins)), predictions.null
        ),
        "margins": histogram_rows("margin", {"pairs": margins}),
        "rewards": histogram_rows(
            "reward",
            {
                "chosen": predictions.rewards[predictions.test.chosen],
                "rejected": predictions.rewards[predictions.test.rejected],
            },
        ),
        "coverage": [{"coverage": c, "accuracy": a} for c, a in coverage(margins)],
        "subset_accuracy": accuracy_rows(
            predictions, "subset", [pair.subset or "(none)" for pair in predictions.test.pairs]
        ),
        "defect_accuracy": accuracy_rows(
            predictions, "defect", [pair.defect for pair in predictions.test.pairs]
        ),
    }


def reliability_rows(diagram: list[Bin]) -> list[Row]:
    """Return one row for each bin."""
    return [
        {"confidence": b.confidence, "share_correct": b.accuracy, "pairs": b.count} for b in diagram
    ]


def with_band(rows: list[Row], null: CalibrationNull | None) -> list[Row]:
    """Return the rows of bins with ``low`` and ``high``, where there is a null.

    The share correct of a perfectly calibrated model lies between them in 95 % of cases, each bin
    by itself.
    """
    if null is None:
        return rows
    ends = zip(*null.band, strict=True)
    return [
        row | {"low": float(low), "high": float(high)}
        for row, (low, high) in zip(rows, ends, strict=True)
    ]


def histogram_rows(column: str, samples: Mapping[str, Array], bins: int = 30) -> list[Row]:
    """Return how many numbers of each of ``samples``, by name, lie in each of about so many bins.

    ``column`` is the key of the middle of a bin. All bins are equally wide, and zero is an edge, so
    that none has numbers of either sign.
    """
    numbers = np.concatenate(list(samples.values()))
    width = float(np.ptp(numbers)) / bins or 1.0
    first = int(np.floor(numbers.min() / width))
    last = int(np.floor(numbers.max() / width)) + 1
    edges = width * np.arange(first, last + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    counts = {name: np.histogram(values, bins=edges)[0] for name, values in samples.items()}
    rows: list[Row] = []
    for n, middle in enumerate(middles):
        rows.append({column: float(middle), **{name: int(counts[name][n]) for name in counts}})
    return rows


def length_rows(lengths: list[int], bins: int = 40) -> list[Row]:
    """Return how many texts have which length in tokens."""
    counts, edges = np.histogram(lengths, bins=bins)
    return [{"tokens": int(e), "texts": int(c)} for e, c in zip(edges[:-1], counts, strict=True)]


def accuracy_rows(predictions: Predictions, column: str, names: Sequence[str | None]) -> list[Row]:
    """Return accuracy, with its interval, and ECE of the pairs of each name, most pairs first.

    ``names`` (P,) has a name for each test pair; pairs without one are left out. ``column`` is
    the key of the name in the rows. ``p`` is that of a test that the model does as well as a coin,
    corrected by Holm for the number of rows.
    """
    pairs = group_indices(names)
    named = [name for name in pairs if name is not None]
    by_size = sorted(named, key=lambda name: (-len(pairs[name]), name))
    rows = {name: _accuracy_row(predictions, pairs[name]) for name in by_size}
    p_values = {name: _coin_p(predictions, pairs[name]) for name in by_size}
    return [{column: name, **rows[name], "p": p} for name, p in holm(p_values).items()]


def _coin_p(predictions: Predictions, indices: list[int]) -> float:
    right = correct(predictions.logits[indices])
    return sign_flip_p(right - 0.5, [predictions.clusters[i] for i in indices])


def _accuracy_row(predictions: Predictions, indices: list[int]) -> Row:
    logits = predictions.logits[indices]
    accuracy = share_estimate(correct(logits), [predictions.clusters[i] for i in indices])
    return {
        "accuracy": accuracy.value,
        "low": accuracy.low,
        "high": accuracy.high,
        "ece": ece_or_none(logits, predictions.bins),
        "pairs": len(indices),
    }
