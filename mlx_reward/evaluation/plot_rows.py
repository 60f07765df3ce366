"""Figures as rows that DVC plots draw."""

import numpy as np

from mlx_reward.evaluation.metrics import Bin
from mlx_reward.utils.arrays import Array

Row = dict[str, float | int | str]


def reliability_rows(diagram: list[Bin]) -> list[Row]:
    """One row a bin."""
    return [
        {"confidence": b.confidence, "share_correct": b.accuracy, "pairs": b.count} for b in diagram
    ]


def histogram_rows(margins: Array, bins: int = 30) -> list[Row]:
    """How many pairs have which margin; ``margin`` is the middle of an equally wide bin."""
    counts, edges = np.histogram(margins, bins=bins)
    middles = (edges[:-1] + edges[1:]) / 2
    return [{"margin": float(m), "pairs": int(c)} for m, c in zip(middles, counts, strict=True)]


def length_rows(lengths: list[int], bins: int = 40) -> list[Row]:
    """How many texts have which length in tokens."""
    counts, edges = np.histogram(lengths, bins=bins)
    return [{"tokens": int(e), "texts": int(c)} for e, c in zip(edges[:-1], counts, strict=True)]
