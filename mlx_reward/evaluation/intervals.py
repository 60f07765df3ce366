"""95 % intervals over clusters, one module for every figure that has one.

Pairs of one prompt are right or wrong together, and so are those of near duplicates and of one
value of ``split.group_by``: the cluster is what was drawn from the world, and intervals are as wide
as that many observations make them. How often each interval holds the truth, by the number of
clusters: benchmarks/coverage.md.

Which function serves what:

- ``share_estimate``: shares, of pairs that are right (a tie one half) or that fool a model;
- ``mean_estimate``: means of anything else, one value an item;
- ``statistic_estimate``: what is no mean, such as an area under a curve.

All take the variance between clusters by the jackknife and t instead of a normal quantile. Values
within bounds get Wilson's interval, which stays within them and has a width even where all values
are equal; positive ones the t interval of their logarithm.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlx_reward.utils.arrays import Array

SHARE_CLUSTERS = 12  # of a share; below, the interval held the truth too often or too rarely
JACKKNIFE_GROUPS = 200  # clusters left out together where there are more
PSEUDO_CLUSTER = 0.5  # clusters of each outcome that the design effect of a share starts from
SURER = 3  # times the degrees of freedom, which that effect has because it starts from there
Indices = NDArray[np.int64]


class Estimate(NamedTuple):
    """A value with the ends of its 95 % interval, which are None where there is none.

    All three are None where the value cannot be computed.
    """

    value: float | None
    low: float | None
    high: float | None

    def fields(self, name: str) -> dict[str, float | None]:
        """Return the three fields of a metrics file: ``name``, ``name_low`` and ``name_high``."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


UNKNOWN = Estimate(None, None, None)


@dataclass(frozen=True)
class Bounds:
    """Between which values a figure can lie; ``high`` is infinite for positive ones.

    Under ``clusters`` clusters no interval is given, because the truth was in it less often than in
    92 % of simulations or, it being too wide, more often than in 98 %.

    ``unseen`` is how many clusters at the bounds are reckoned with though none was seen: where most
    rankings are perfect and one in twenty is upside down, twelve show nothing of the latter.
    """

    low: float
    high: float
    clusters: int
    unseen: float = 0.0


UNIT = Bounds(0.0, 1.0, clusters=24, unseen=0.5)
CORRELATION = Bounds(-1.0, 1.0, clusters=24, unseen=0.5)
# Of shares: a model that turns whole clusters round is no near miss.
CHANGE = Bounds(-1.0, 1.0, clusters=16)
POSITIVE = Bounds(0.0, math.inf, clusters=5)


def share_estimate(values: Array, clusters: Sequence[Hashable]) -> Estimate:
    """Return the share of ``values`` (P,), each 0, 1 or one half, with its interval.

    It is Wilson's, for as many pairs as carry the same information when they are independent: their
    number over the design effect (Dean & Pagano 2015). That of few clusters is unstable where
    nearly all pairs are right, so that half a cluster of each outcome is added before it is taken.
    """
    value = float(values.mean())
    numbers, sizes = _numbered(clusters)
    if len(sizes) < SHARE_CLUSTERS:
        return Estimate(value, None, None)
    sums = _sums(numbers, values)
    half = PSEUDO_CLUSTER * sizes.mean()
    effect = _design_effect(np.append(sums, [half, 0.0]), np.append(sizes, [half, half]))
    effective = len(values) / max(effect, 1.0)
    return Estimate(value, *_wilson(value, effective, SURER * _freedom(sizes)))


def mean_estimate(values: Array, clusters: Sequence[Hashable], bounds: Bounds) -> Estimate:
    """Return the mean of ``values`` (P,), which lie within ``bounds``, with its interval."""
    value = float(values.mean())
    numbers, sizes = _numbered(clusters)
    if len(sizes) < bounds.clusters:
        return Estimate(value, None, None)
    variance = _jackknife_variance(_sums(numbers, values), sizes)
    return _within(value, variance, bounds, len(sizes), _freedom(sizes))


def statistic_estimate(
    statistic: Callable[[Indices], float],
    clusters: Sequence[Hashable],
    bounds: Bounds,
    scarce: NDArray[np.bool_] | None = None,
) -> Estimate:
    """Return ``statistic``, a smooth function of the indices of pairs, with its interval.

    The variance is that of the delete-a-group jackknife (Kott 2001), in which at most
    JACKKNIFE_GROUPS groups of clusters are left out in turn. A statistic that compares a kind of
    pair with the others knows no more than its clusters of this kind: ``scarce`` (P,) is true of
    the kind, and of the two kinds the rarer one sets the degrees of freedom.
    """
    numbers, sizes = _numbered(clusters)
    value = statistic(np.arange(len(numbers)))
    informative = len(sizes)
    if scarce is not None:
        informative = min(len(np.unique(numbers[kind])) for kind in (scarce, ~scarce))
    if informative < bounds.clusters:
        return Estimate(value, None, None)
    groups = _deal(len(sizes))[numbers]
    kept = np.array([statistic(np.flatnonzero(groups != g)) for g in range(groups.max() + 1)])
    variance = (len(kept) - 1) / len(kept) * float(((kept - value) ** 2).sum())
    group_sizes = np.bincount(groups).astype(np.float64)
    freedom = min(_freedom(group_sizes), informative - 1)
    return _within(value, variance, bounds, len(sizes), freedom)


def cluster_numbers(clusters: Sequence[Hashable]) -> Indices:
    """Return the number (P,) of each item's cluster, from 0 in order of first appearance."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(c, len(numbers)) for c in clusters], dtype=np.int64)


def _numbered(clusters: Sequence[Hashable]) -> tuple[Indices, Array]:
    """Return the number (P,) of each item's cluster, and how many items each cluster has (G,)."""
    numbers = cluster_numbers(clusters)
    return numbers, np.bincount(numbers).astype(np.float64)


def _sums(numbers: Indices, values: Array) -> Array:
    """Return the sum of the ``values`` (P,) of each cluster (G,)."""
    return np.bincount(numbers, weights=values).astype(np.float64)


def _deal(count: int) -> Indices:
    """Return for each of ``count`` clusters the number of its group, of equal size by lot."""
    groups = np.arange(count) % JACKKNIFE_GROUPS
    return np.random.default_rng(0).permutation(groups)


def _within(value: float, variance: float, bounds: Bounds, count: int, freedom: float) -> Estimate:
    """Return the interval of a value of ``count`` clusters with this ``variance``.

    There is none where all clusters agree and nothing unseen is reckoned with: they say nothing of
    how far the next one may lie.
    """
    none = Estimate(value, None, None)
    constant = variance <= 1e-18
    if constant and bounds.unseen == 0:
        return none
    if math.isinf(bounds.high):
        above = value - bounds.low
        factor = math.exp(_t(freedom) * math.sqrt(variance) / above)
        return Estimate(value, bounds.low + above / factor, bounds.low + above * factor)
    width = bounds.high - bounds.low
    share = min(max((value - bounds.low) / width, 0.0), 1.0)
    largest = share * (1 - share)  # the variance of values at the bounds alone
    effective = float(count)
    if largest > 1e-12:
        effective = largest / (variance / width**2 + largest * (bounds.unseen / count) ** 2)
    low, high = _wilson(share, effective, freedom)
    return Estimate(value, bounds.low + low * width, bounds.low + high * width)


def _wilson(share: float, effective: float, freedom: float) -> tuple[float, float]:
    """Return the ends of Wilson's score interval (1927) of a share of ``effective`` observations.

    t of ``freedom`` takes the place of the normal quantile, as Korn & Graubard (1998) advise.
    """
    t = _t(freedom)
    weight = t**2 / effective
    center = (share + weight / 2) / (1 + weight)
    variance = share * (1 - share) / effective + (t / (2 * effective)) ** 2
    half = t / (1 + weight) * math.sqrt(variance)
    return max(center - half, 0.0), min(center + half, 1.0)


def _t(freedom: float) -> float:
    from scipy.stats import t  # late: it takes a second, and most commands need it not

    return float(t.ppf(0.975, freedom))


def _jackknife_variance(sums: Array, sizes: Array) -> float:
    """Return the variance of the mean of all items, by leaving out one cluster in turn.

    It is known as CR3, which errs to the safe side where clusters are few or of unequal size
    (MacKinnon, Nielsen & Webb 2023). ``sums`` and ``sizes`` (G,) are those of the clusters.
    """
    total = sizes.sum()
    moved = (sums - sizes * (sums.sum() / total)) / (total - sizes)
    return float((len(sizes) - 1) / len(sizes) * (moved**2).sum())


def _design_effect(sums: Array, sizes: Array) -> float:
    """Return how many times the variance of a share is that of as many independent items."""
    share = sums.sum() / sizes.sum()
    return float(_jackknife_variance(sums, sizes) * sizes.sum() / (share * (1 - share)))


def _freedom(sizes: Array) -> float:
    """Return the degrees of freedom of the jackknife variance for clusters of ``sizes`` (G,).

    For G clusters of one size they are G - 1. For others they follow from the first two moments of
    the variance where items of a cluster agree (Satterthwaite 1946, Bell & McCaffrey 2002): with
    one huge cluster hardly more than 1, whatever G is.
    """
    total = sizes.sum()
    a = 1 / (total - sizes)
    u, q = a * sizes, a * sizes**2  # the deviations' covariance is diag(d) - (u q' + q u') / total
    s = (sizes**2).sum() / total**2  # + s u u'
    d = u**2
    rest = s * u * u - 2 * u * q / total
    uu, uq, qq = u @ u, u @ q, q @ q
    first = s * uu - uq / total
    last = -uq / total
    squares = first**2 + 2 * (s * uq - qq / total) * (-uu / total) + last**2
    trace = (d + rest).sum()
    return float(trace**2 / ((d**2).sum() + 2 * (d * rest).sum() + squares))
