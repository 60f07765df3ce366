"""The figures of metrics/eval.json: what the model is worth on pairs it never saw, before and after calibration."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mlx_reward.data.dataset import PreferenceDataset
from mlx_reward.evaluation import length_bias
from mlx_reward.evaluation.calibration import Calibrator
from mlx_reward.evaluation.intervals import draws, interval
from mlx_reward.evaluation.metrics import accuracy, auroc, brier, coverage, ece, nll, reliability
from mlx_reward.evaluation.plot_rows import histogram_rows, reliability_rows
from mlx_reward.evaluation.ranking import groups_of, ranking_figures
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.grouping import group_indices

Figures = dict[str, Any]
Row = dict[str, float | int | str]


def figures(test: PreferenceDataset, rewards: Array, calibrator: Calibrator, bins: int) -> Figures:
    """Flat figures on ``test`` with the (N,) ``rewards`` of its texts; ``*_before`` are those of the margins themselves.

    ``*_low`` and ``*_high`` bound 95 % intervals.
    """
    wrong = int((~np.isfinite(rewards)).sum())
    if wrong:
        remedy = "lower train.learning_rate and train again"
        raise InputError(
            f"{wrong} of {len(rewards)} rewards on the test split are not finite; {remedy}"
        )
    margins = test.margins(rewards)
    logits = calibrator(margins)
    return {
        **headline(logits, [pair.prompt_key for pair in test.pairs], bins),
        "ece_before": ece(reliability(margins, bins)),
        "ece_bins": min(bins, len(margins)),
        "nll_before": nll(margins),
        "brier_before": brier(margins),
        "temperature": calibrator.temperature,
        "calibration_knots": len(calibrator.knots),
        "reward_chosen_mean": float(np.mean(rewards[test.chosen])),
        "reward_rejected_mean": float(np.mean(rewards[test.rejected])),
        **length_bias.figures(margins, *lengths(test)),
        **ranking_figures(groups_of(test, rewards)),
        "pairs": len(margins),
        "ties": int((margins == 0).sum()),
        "texts": len(test.texts),
        "prompts_cut": test.cut,
        "pairs_dropped": len(test.dropped),
    }


def headline(logits: Array, prompts: list[str], bins: int) -> Figures:
    """Accuracy, ECE, NLL, Brier score and AUROC of being right, each with its interval.

    A resampled ECE is larger than the sample's own, because draws repeat pairs; its interval errs to the strict side.
    """
    measures: dict[str, Callable[[Array], float]] = {
        "accuracy": accuracy,
        "ece": lambda drawn: ece(reliability(drawn, bins)),
        "nll": nll,
        "brier": brier,
        "auroc": auroc,
    }
    drawn, found = draws(prompts), Figures()
    for name, measure in measures.items():
        low, high = interval(lambda indices, measure=measure: measure(logits[indices]), drawn)  # type: ignore[misc]
        found |= {name: measure(logits), f"{name}_low": low, f"{name}_high": high}
    return found


def plot_rows(
    test: PreferenceDataset, margins: Array, logits: Array, bins: int
) -> dict[str, list[Row]]:
    """Rows of every plot, by name, from margins and calibrated logits (P,)."""
    return {
        "reliability_before": reliability_rows(reliability(margins, bins)),
        "reliability_after": reliability_rows(reliability(logits, bins)),
        "margins": histogram_rows(margins),
        "coverage": [{"coverage": c, "accuracy": a} for c, a in coverage(margins)],
        "subset_accuracy": subset_rows(test, logits, bins),
    }


def subset_rows(test: PreferenceDataset, logits: Array, bins: int) -> list[Row]:
    """Accuracy of each subset with its interval, and its ECE, the largest subset first."""
    subsets = group_indices(pair.subset or "(none)" for pair in test.pairs)
    return [
        _subset_row(name, test, logits, bins, subsets[name])
        for name in sorted(subsets, key=lambda n: (-len(subsets[n]), n))
    ]


def _subset_row(
    name: str, test: PreferenceDataset, logits: Array, bins: int, members: list[int]
) -> Row:
    own = logits[members]
    low, high = interval(
        lambda drawn: accuracy(own[drawn]), draws([test.pairs[i].prompt_key for i in members])
    )
    return {
        "subset": name,
        "accuracy": accuracy(own),
        "low": low,
        "high": high,
        "ece": ece(reliability(own, bins)),
        "pairs": len(members),
    }


def member_figures(
    test: PreferenceDataset, rewards: Array, calibrators: Sequence[Calibrator], bins: int
) -> Figures:
    """``members``: accuracy, NLL and ECE of each from its rewards (K, N), calibrated by itself; nothing of one alone."""
    if len(rewards) == 1:
        return {}
    found = {}
    for number, (own, calibrator) in enumerate(zip(rewards, calibrators, strict=True), 1):
        logits = calibrator(test.margins(own))
        found[str(number)] = {
            "accuracy": accuracy(logits),
            "nll": nll(logits),
            "ece": ece(reliability(logits, bins)),
        }
    return {"members": found}


def reward_rows(
    test: PreferenceDataset, rewards: Array, deviations: Array, logits: Array
) -> list[Row]:
    """What the model says of each pair, for comparing runs pair by pair; deviations are those of an ensemble's members."""
    return [
        {
            "id": pair.id,
            "prompt": pair.prompt_key,
            "subset": pair.subset or "(none)",
            "reward_chosen": float(rewards[chosen]),
            "reward_rejected": float(rewards[rejected]),
            **_uncertainty(deviations, chosen, rejected),
            "logit": float(logit),
        }
        for pair, chosen, rejected, logit in zip(
            test.pairs, test.chosen, test.rejected, logits, strict=True
        )
    ]


def _uncertainty(deviations: Array, chosen: int, rejected: int) -> Row:
    if not deviations.any():
        return {}
    return {
        "uncertainty_chosen": float(deviations[chosen]),
        "uncertainty_rejected": float(deviations[rejected]),
    }


def lengths(test: PreferenceDataset) -> tuple[Array, Array]:
    """Characters of the chosen and of the rejected responses (P,)."""
    chosen, rejected = (
        np.array([len(getattr(pair, side)) for pair in test.pairs], float)
        for side in ("chosen", "rejected")
    )
    return chosen, rejected
