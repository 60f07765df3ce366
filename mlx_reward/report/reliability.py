"""The reliability diagram as a picture."""

from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from mlx_reward.evaluation.metrics import Bin
from mlx_reward.utils.files import whole_file


def draw_reliability(path: Path, before: list[Bin], after: list[Bin], caption: str) -> None:
    """Reliability diagram before and after calibration as SVG; the same input gives the same bytes."""
    with rc_context(
        {"svg.hashsalt": "mlx-reward", "svg.fonttype": "none", "font.family": "sans-serif"}
    ):
        figure = Figure(figsize=(5.2, 5.2), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(
            [0.5, 1],
            [0.5, 1],
            color="#888888",
            linewidth=1,
            linestyle="--",
            label="perfectly calibrated",
        )
        for diagram, color, label in (
            (before, "#d08c3c", "before calibration"),
            (after, "#2463a6", "after calibration"),
        ):
            axes.plot(
                [b.confidence for b in diagram],
                [b.accuracy for b in diagram],
                "o-",
                color=color,
                label=label,
            )
        axes.set(
            xlabel="confidence",
            ylabel="share correct",
            title=caption,
            xlim=(0.48, 1.02),
            ylim=(-0.02, 1.02),
        )
        axes.legend(loc="lower right", frameon=False)
        axes.grid(alpha=0.25)
        with whole_file(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None}, facecolor="white")
