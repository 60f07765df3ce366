"""Measure how often 95 % intervals hold the truth, and how often tests of equal models say unequal.

   python benchmarks/coverage.py [REPEATS]

writes benchmarks/coverage.md, from 2,000 simulations of each design and number of clusters. Takes
a quarter of an hour; reads nothing and needs no model.
"""

import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit
from scipy.stats import binomtest, ks_2samp

from mlx_reward.evaluation.intervals import (
    CHANGE,
    CORRELATION,
    POSITIVE,
    UNIT,
    Estimate,
    mean_estimate,
    share_estimate,
    statistic_estimate,
)
from mlx_reward.evaluation.length_bias import accuracy_at_equal_length
from mlx_reward.evaluation.metrics import auroc
from mlx_reward.evaluation.shift import shift
from mlx_reward.evaluation.sign_flips import sign_flip_p

COUNTS = (5, 8, 12, 16, 20, 24, 40, 80)
MANY = 4000  # clusters, of which the truth is the mean of twenty samples
TARGET = Path(__file__).with_name("coverage.md")

Rng = np.random.Generator
Array = NDArray[np.float64]
Sample = Callable[[Rng, int], Estimate]


def unequal(rng: Rng, clusters: int) -> list[int]:
    """Clusters of 1 to 60 pairs, eight on average."""
    sizes = np.minimum(rng.geometric(1 / 8, clusters), 60)
    return [number for number, size in enumerate(sizes) for _ in range(size)]


def of_six(clusters: int) -> list[int]:
    return [number for number in range(clusters) for _ in range(6)]


def share(truth: float, correlation: float, equal: bool = True) -> Sample:
    """Pairs right with a chance of their cluster's own, from a beta of this correlation."""

    def sample(rng: Rng, count: int) -> Estimate:
        clusters = of_six(count) if equal else unequal(rng, count)
        chance = np.full(count, truth)
        if correlation:
            weight = 1 / correlation - 1
            chance = rng.beta(truth * weight, (1 - truth) * weight, count)
        right = (rng.random(len(clusters)) < chance[clusters]).astype(np.float64)
        return share_estimate(right, clusters)

    return sample


def independent(truth: float) -> Sample:
    def sample(rng: Rng, count: int) -> Estimate:
        return share_estimate((rng.random(count) < truth).astype(np.float64), range(count))

    return sample


def margins(rng: Rng, count: int, mean: float = 1.0) -> Array:
    """Six margins for each of ``count`` prompts, which differ in how hard they are; (6 count,)."""
    return (rng.normal(mean, 0.8, (count, 1)) + rng.normal(0, 1.6, (count, 6))).ravel()


def losses(rng: Rng, count: int) -> Estimate:
    return mean_estimate(-log_expit(margins(rng, count)), of_six(count), POSITIVE)


def sure_losses(rng: Rng, count: int) -> Estimate:
    return mean_estimate(-log_expit(3 * margins(rng, count)), of_six(count), POSITIVE)


def brier(rng: Rng, count: int) -> Estimate:
    return mean_estimate(expit(-margins(rng, count)) ** 2, of_six(count), UNIT)


def area(mean: float) -> Sample:
    def sample(rng: Rng, count: int) -> Estimate:
        logits = margins(rng, count, mean)
        if count == MANY:
            return Estimate(auroc(logits), None, None)
        return statistic_estimate(
            lambda pairs: auroc(logits[pairs]), of_six(count), UNIT, scarce=logits > 0
        )

    return sample


def length_controlled(rng: Rng, count: int) -> Estimate:
    own = margins(rng, count)
    gain = 0.5 * own + rng.normal(0, 1, len(own))
    if count == MANY:
        return Estimate(accuracy_at_equal_length(own, gain), None, None)
    return statistic_estimate(
        lambda pairs: accuracy_at_equal_length(own[pairs], gain[pairs]), of_six(count), UNIT
    )


def ranks(noise: float) -> Callable[[Rng, int], NDArray[np.int64]]:
    """The places (count, 4) that a model gives to four responses, the worst first."""

    def draw(rng: Rng, count: int) -> NDArray[np.int64]:
        rewards = 0.6 * np.arange(4) + rng.normal(0, noise, (count, 4))
        return rewards.argsort(axis=1).argsort(axis=1)

    return draw


def spearman(noise: float) -> Sample:
    def sample(rng: Rng, count: int) -> Estimate:
        squares = ((ranks(noise)(rng, count) - np.arange(4)) ** 2).sum(axis=1)
        return mean_estimate(1 - squares / 10, range(count), CORRELATION)

    return sample


def regret(noise: float) -> Sample:
    def sample(rng: Rng, count: int) -> Estimate:
        lost = (3 - ranks(noise)(rng, count).argmax(axis=1)).astype(np.float64)
        return mean_estimate(lost / 3, range(count), UNIT)

    return sample


def ndcg(rng: Rng, count: int) -> Estimate:
    gains = 3 - np.argsort(-ranks(0.8)(rng, count), axis=1)
    discounts = 1 / np.log2(np.arange(2, 6))
    found = ((3 - gains) * discounts).sum(axis=1) / (np.array([3, 2, 1, 0]) * discounts).sum()
    return mean_estimate(found, range(count), UNIT)


def rarely_reversed(rng: Rng, count: int) -> Estimate:
    """Seven of ten rankings perfect and one of twenty nearly reversed, which few clusters show."""
    found = rng.choice([1.0, 0.8, 0.4, 0.0, -0.4], count, p=[0.7, 0.15, 0.05, 0.05, 0.05])
    return mean_estimate(found, range(count), CORRELATION)


def change(flips: float) -> Sample:
    """Two equal models that differ on a share of the pairs, together within a prompt or not."""

    def sample(rng: Rng, count: int) -> Estimate:
        chance = rng.beta(2, 2 / flips - 2, (count, 1))
        lot = rng.random((count, 6))
        changes = (lot < chance / 2) * 1.0 - (lot > 1 - chance / 2)
        if not changes.any():
            most = share_estimate(np.abs(changes).ravel(), of_six(count)).high
            return Estimate(0.0, None if most is None else -most, most)
        return mean_estimate(changes.ravel(), of_six(count), CHANGE)

    return sample


INTERVALS: dict[str, Sample] = {
    "share .77, one pair a cluster": independent(0.77),
    "share .50, six pairs, independent": share(0.5, 0.0),
    "share .77, six pairs, correlation .2": share(0.77, 0.2),
    "share .77, six pairs, correlation .6": share(0.77, 0.6),
    "share .95, six pairs, correlation .2": share(0.95, 0.2),
    "share .77, 1 to 60 pairs, correlation .2": share(0.77, 0.2, equal=False),
    "share .95, 1 to 60 pairs, correlation .2": share(0.95, 0.2, equal=False),
    "NLL": losses,
    "NLL of a model three times too sure": sure_losses,
    "Brier score": brier,
    "Spearman .63": spearman(0.8),
    "Spearman .97": spearman(0.25),
    "Spearman, one ranking of twenty reversed": rarely_reversed,
    "NDCG": ndcg,
    "regret .16": regret(0.8),
    "regret .05": regret(0.4),
    "change of accuracy, 5 % of pairs flip": change(0.05),
    "change of accuracy, 30 % of pairs flip": change(0.3),
    "AUROC .68": area(1.0),
    "AUROC .88": area(2.5),
    "accuracy at equal length": length_controlled,
}


def truth_of(sample: Sample) -> float:
    """The value of 80,000 clusters."""
    rng = np.random.default_rng(1)
    return float(np.mean([_value(sample(rng, MANY)) for _ in range(20)]))


def _value(estimate: Estimate) -> float:
    return math.nan if estimate.value is None else estimate.value


def coverage(sample: Sample, truth: float, clusters: int, repeats: int) -> str:
    """The share of the intervals that hold the truth, and in brackets of samples without one."""
    rng = np.random.default_rng(clusters)
    held, none = 0, 0
    for _ in range(repeats):
        _, low, high = sample(rng, clusters)
        if low is None or high is None:
            none += 1
        else:
            held += low - 1e-9 <= truth <= high + 1e-9
    if none > repeats / 2:
        return "none"
    return f"{held / (repeats - none):.3f}" + (f" ({none / repeats:.2f})" if none else "")


def alarms(repeats: int) -> list[str]:
    """Rows of how often p is below 0.05 where nothing differs, for the tests used and before."""
    rng = np.random.default_rng(0)
    rows = []
    for count, pairs in ((12, 6), (24, 60), (80, 6)):
        clusters = np.repeat(np.arange(count), pairs).tolist()
        flips, mcnemar, permuted, tables = 0, 0, 0, 0
        for _ in range(repeats // 4):
            skill = rng.normal(1, 0.3, count) + rng.normal(0, 0.25, (2, count))
            first, second = (rng.random((2, count, pairs)) < expit(skill)[..., None]) * 1.0
            changes = (first - second).ravel()
            flips += sign_flip_p(changes, clusters) < 0.05
            won, lost = int((changes > 0).sum()), int((changes < 0).sum())
            mcnemar += won + lost > 0 and binomtest(won, won + lost).pvalue < 0.05
        for _ in range(repeats // 2):
            sure = rng.lognormal(0, 0.4, (2, count, 1))
            one, other = sure * rng.normal(1, 1, (2, count, pairs))
            permuted += shift(one.tolist(), other.tolist()) < 0.05
            tables += ks_2samp(np.abs(one.ravel()), np.abs(other.ravel())).pvalue < 0.05
        rows.append(
            f"| {count} of {pairs} pairs | {flips / (repeats // 4):.3f} "
            f"| {mcnemar / (repeats // 4):.3f} | {permuted / (repeats // 2):.3f} "
            f"| {tables / (repeats // 2):.3f} |"
        )
    return rows


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    lines = [
        "# How often intervals and tests keep their promise",
        "",
        f"Written by `python benchmarks/coverage.py {repeats}`: so many simulations of each cell.",
        "A 95 % interval should hold the truth in 0.95 of them; above that it is wider than it",
        "need be. Where simulations of a kind of figure left 0.92 to 0.98, no interval is given:",
        '"none". In brackets: the share of samples in which there is none all the same.',
        "",
        "| clusters | " + " | ".join(map(str, COUNTS)) + " |",
        "|---|" + "---|" * len(COUNTS),
    ]
    for name, sample in INTERVALS.items():
        truth = truth_of(sample)
        cells = [coverage(sample, truth, clusters, repeats) for clusters in COUNTS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    lines += [
        "",
        "How often p is below 0.05 where nothing differs, which should be 0.05: accuracies of two",
        "equal models by sign flips of clusters and by McNemar's test, one distribution of margins",
        "by permuting clusters and by the tables of Kolmogorov and Smirnov.",
        "",
        "| clusters | sign flips | McNemar | shift | K-S tables |",
        "|---|---|---|---|---|",
        *alarms(repeats),
    ]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
