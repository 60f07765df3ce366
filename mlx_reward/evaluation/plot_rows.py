"""Rows of metrics/plots, which DVC plots and the report draw."""

from collections.abc import Sequence

import numpy as np

from mlx_reward.evaluation.intervals import draws, interval
from mlx_reward.evaluation.metrics import Bin, accuracy, coverage, ece, reliability
from mlx_reward.evaluation.predictions import Predictions, Row
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.grouping import group_indices


def plot_rows(predictions: Predictions) -> dict[str, list[Row]]:
    """Return the rows of every plot of stage eval, by name."""
    margins, logits, bins = predictions.margins, predictions.logits, predictions.bins
    return {
        "reliability_before": reliability_rows(reliability(margins, bins)),
        "reliability_after": reliability_rows(reliability(logits, bins)),
        "margins": histogram_rows(margins),
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


def histogram_rows(margins: Array, bins: int = 30) -> list[Row]:
    """Return how many pairs have which margin; ``margin`` is the middle of an equally wide bin."""
    counts, edges = np.histogram(margins, bins=bins)
    middles = (edges[:-1] + edges[1:]) / 2
    return [{"margin": float(m), "pairs": int(c)} for m, c in zip(middles, counts, strict=True)]


def length_rows(lengths: list[int], bins: int = 40) -> list[Row]:
    """Return how many texts have which length in tokens."""
    counts, edges = np.histogram(lengths, bins=bins)
    return [{"tokens": int(e), "texts": int(c)} for e, c in zip(edges[:-1], counts, strict=True)]


def accuracy_rows(predictions: Predictions, column: str, names: Sequence[str | None]) -> list[Row]:
    """Return accuracy, with its interval, and ECE of the pairs of each name, most pairs first.

    ``names`` (P,) has a name for each test pair; pairs without one are left out. ``column`` is
    the key of the name in the rows.
    """
    pairs = group_indices(names)
    named = [name for name in pairs if name is not None]
    by_size = sorted(named, key=lambda name: (-len(pairs[name]), name))
    return [{column: name, **_accuracy_row(predictions, pairs[name])} for name in by_size]


def _accuracy_row(predictions: Predictions, indices: list[int]) -> Row:
    logits = predictions.logits[indices]
    prompts = [predictions.test.pairs[i].prompt_key for i in indices]
    low, high = interval(lambda drawn: accuracy(logits[drawn]), draws(prompts))
    return {
        "accuracy": accuracy(logits),
        "low": low,
        "high": high,
        "ece": ece(reliability(logits, predictions.bins)),
        "pairs": len(indices),
    }
