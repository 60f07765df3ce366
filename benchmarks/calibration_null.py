"""Measure the null of ECE by simulation: calibrated models, pairs of one prompt decided together.

    python benchmarks/calibration_null.py [MODELS]

The first table shows how often p is at most .05 for a perfectly calibrated model, by a null of
independent pairs and by the one that is used, whose draws share decisions within a prompt. The
second shows what is left of the ECE of models that are not calibrated.

Worlds: "independent" pairs; "ranked", where a prompt's pairs come from one ranking of its responses
(the model's rewards plus Gumbel noise, after Luce 1959, so that each pair is calibrated exactly);
"prompt", where a tenth or a third of the noise of a decision is common to its prompt.
"""

import sys
from collections.abc import Callable
from itertools import combinations

import numpy as np
from scipy.special import expit, ndtr

from mlx_reward.evaluation.calibration_null import calibration_null, fold

BINS = 15
DRAWS = 300
SPLITS = ((17, 4), (25, 4), (80, 4), (120, 4), (120, 5), (36, 8))  # prompts, responses
WORLDS = ("independent", "ranked", "prompt, a tenth", "prompt, a third")
SHARES = {"independent": 0.0, "prompt, a tenth": 0.1, "prompt, a third": 0.33}
MODELS = {
    "calibrated": lambda logits: logits,
    "1.5 times too sure": lambda logits: 1.5 * logits,
    "2 times too sure": lambda logits: 2 * logits,
    "3 times too sure": lambda logits: 3 * logits,
    "half as sure as it could be": lambda logits: 0.5 * logits,
}
Pairs = tuple[np.ndarray, list[int]]  # logits and prompts


def simulate(world: str, prompts: int, responses: int, rng: np.random.Generator) -> Pairs:
    """Return the logits of a calibrated model and the prompt of each pair."""
    rewards = rng.normal(0, 1.3, (prompts, responses))
    first, second = np.array(list(combinations(range(responses), 2))).T
    margins = rewards[:, first] - rewards[:, second]
    if world == "ranked":
        utilities = rewards + rng.gumbel(size=rewards.shape)
        wins = utilities[:, first] > utilities[:, second]
    else:
        share = SHARES[world]
        common = rng.normal(size=(prompts, 1))
        number = np.sqrt(share) * common + np.sqrt(1 - share) * rng.normal(size=margins.shape)
        right = ndtr(number) < expit(np.abs(margins))
        wins = right == (margins > 0)
    clusters = np.repeat(range(prompts), len(first)).tolist()
    return np.where(wins, margins, -margins).ravel(), clusters


def false_alarms(models: int) -> None:
    """Print how often p <= .05 of calibrated models."""
    print(
        "| pairs | prompts | world | ECE, mean | null's mean | p <= .05, independent | p <= .05 |"
    )
    print("|---|---|---|---|---|---|---|")
    for prompts, responses in SPLITS:
        for world in WORLDS:
            rng = np.random.default_rng(7)
            nulls, alarms = [], []
            for _ in range(models):
                logits, clusters = simulate(world, prompts, responses, rng)
                nulls.append(calibration_null(logits, clusters, BINS, DRAWS))
                alone = calibration_null(logits, range(len(logits)), BINS, DRAWS)
                alarms.append((alone.p <= 0.05, nulls[-1].p <= 0.05))
            independent, used = np.mean(alarms, axis=0)
            print(
                f"| {len(logits):,} | {prompts} | {world} "
                f"| {np.mean([null.folded.ece for null in nulls]):.4f} "
                f"| {np.mean([null.mean for null in nulls]):.4f} "
                f"| {independent:.3f} | {used:.3f} |",
                flush=True,
            )


def debiased(models: int) -> None:
    """Print what is left of the ECE by subtraction and by ``debiased``, against the truth."""
    print("\n| model | pairs | true ECE | ECE | less the null's mean | debiased | reaches 0.10 |")
    print("|---|---|---|---|---|---|---|")
    many, _ = simulate("independent", 100_000, 3, np.random.default_rng(1))
    for name, change in MODELS.items():
        truth = 0.0 if name == "calibrated" else fold(change(many), BINS).ece
        for prompts in (17, 25, 80, 167):
            _debiased_row(name, change, truth, prompts, models)


def _debiased_row(
    name: str,
    change: Callable[[np.ndarray], np.ndarray],
    truth: float,
    prompts: int,
    models: int,
) -> None:
    rng = np.random.default_rng(2)
    found = []
    for _ in range(models):
        logits, clusters = simulate("ranked", prompts, 4, rng)
        null = calibration_null(change(logits), clusters, BINS, DRAWS)
        found.append((null.folded.ece, max(null.folded.ece - null.mean, 0), null.debiased))
    plain, less, left = np.mean(found, axis=0)
    reached = np.mean([row[2] >= 0.1 for row in found])
    print(
        f"| {name} | {6 * prompts:,} | {truth:.3f} | {plain:.3f} | {less:.3f} | {left:.3f} "
        f"| {reached:.3f} |",
        flush=True,
    )


def main() -> None:
    models = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    false_alarms(models)
    debiased(models)


if __name__ == "__main__":
    main()
