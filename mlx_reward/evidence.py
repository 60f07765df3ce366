"""The figures of metrics/eval.json: what the model is worth on pairs it never saw, before and after temperature."""

import numpy as np

from mlx_reward.comparisons import Comparisons
from mlx_reward.metrics import Array, accuracy, brier, ece, longer_wins, nll, reliability


def figures(test: Comparisons, rewards: Array, temperature: float, bins: int) -> dict[str, float | int]:
    """Flat figures on ``test`` with the (N,) ``rewards`` of its texts; ``*_before`` are those at temperature 1."""
    margins = test.margins(rewards)
    logits = margins / temperature
    return {
        "accuracy": accuracy(margins),
        "ece": ece(reliability(logits, bins)),
        "ece_before": ece(reliability(margins, bins)),
        "ece_bins": min(bins, len(margins)),
        "nll": nll(logits),
        "nll_before": nll(margins),
        "brier": brier(logits),
        "brier_before": brier(margins),
        "temperature": temperature,
        "reward_chosen_mean": float(np.mean(rewards[test.chosen])),
        "reward_rejected_mean": float(np.mean(rewards[test.rejected])),
        "longer_wins_accuracy": longer_wins([p.chosen for p in test.pairs], [p.rejected for p in test.pairs]),
        "pairs": len(margins),
        "ties": int((margins == 0).sum()),
        "texts": len(test.texts),
        "prompts_cut": test.cut,
        "pairs_dropped": len(test.dropped),
    }
