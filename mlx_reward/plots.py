"""Figures as rows that DVC plots draw, and the reliability diagram as a picture."""

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from mlx_reward.files import whole_file
from mlx_reward.metrics import Array, Bin

Row = dict[str, float | int | str]


def reliability_rows(diagram: list[Bin]) -> list[Row]:
    """One row a bin."""
    return [{"confidence": b.confidence, "share_correct": b.accuracy, "pairs": b.count} for b in diagram]


def histogram_rows(margins: Array, bins: int = 30) -> list[Row]:
    """How many pairs have which margin; ``margin`` is the middle of an equally wide bin."""
    counts, edges = np.histogram(margins, bins=bins)
    middles = (edges[:-1] + edges[1:]) / 2
    return [{"margin": float(m), "pairs": int(c)} for m, c in zip(middles, counts, strict=True)]


def length_rows(lengths: list[int], bins: int = 40) -> list[Row]:
    """How many texts have which length in tokens."""
    counts, edges = np.histogram(lengths, bins=bins)
    return [{"tokens": int(e), "texts": int(c)} for e, c in zip(edges[:-1], counts, strict=True)]


def draw_reliability(path: Path, before: list[Bin], after: list[Bin], caption: str) -> None:
    """Reliability diagram before and after temperature as SVG; the same input gives the same bytes."""
    with rc_context({"svg.hashsalt": "mlx-reward", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure = Figure(figsize=(5.2, 5.2), layout="constrained")
        axes = figure.add_subplot()
        axes.plot([0.5, 1], [0.5, 1], color="#888888", linewidth=1, linestyle="--", label="perfectly calibrated")
        for diagram, color, label in (
            (before, "#d08c3c", "before temperature"),
            (after, "#2463a6", "after temperature"),
        ):
            axes.plot([b.confidence for b in diagram], [b.accuracy for b in diagram], "o-", color=color, label=label)
        axes.set(xlabel="confidence", ylabel="share correct", title=caption, xlim=(0.48, 1.02), ylim=(-0.02, 1.02))
        axes.legend(loc="lower right", frameon=False)
        axes.grid(alpha=0.25)
        with whole_file(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None}, facecolor="white")
