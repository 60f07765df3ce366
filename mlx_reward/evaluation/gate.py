"""The bars that guard a model: one sentence for each bar that is missed."""

from mlx_reward.evaluation.paired import Comparison


def shortfalls(accuracy: float, ece: float, min_accuracy: float, max_ece: float) -> list[str]:
    """Which bars were missed, and by how much. Accuracy passes at its bar, ECE strictly below its own."""
    missed = []
    if not accuracy >= min_accuracy:  # written so that NaN falls short
        missed.append(
            f"accuracy {accuracy:.4f} is {min_accuracy - accuracy:.4f} below the bar of {min_accuracy:g}"
        )
    if not ece < max_ece:
        missed.append(f"ECE {ece:.4f} is {ece - max_ece:.4f} above the bar of {max_ece:g}")
    return missed


def regression(found: Comparison, against: str, max_regression: float) -> list[str]:
    """The sentence where the run may have lost more accuracy against an earlier one than ``max_regression``."""
    if found.low >= -max_regression:
        return []
    change = f"{found.old:.4f} to {found.new:.4f}, 95 % {found.low:+.4f} to {found.high:+.4f}"
    return [
        f"accuracy went from {change}: against {against} it may have lost more than {max_regression:g}"
    ]
