"""How far a text is from the training texts, by what the head's last layer gets for it.

Mahalanobis distance (Lee et al. 2018, "A Simple Unified Framework for Detecting
Out-of-Distribution Samples", with one class: a reward model has none). There may be fewer texts
than dimensions, so that the covariance is shrunk as Ledoit & Wolf 2004 advise.
"""

from dataclasses import dataclass

import numpy as np

from mlx_reward.utils.arrays import Array

FAMILIAR = 0.95  # share of held-out texts of the same kind that lie within distance 1
MOSTLY = 0.5  # share of texts beyond, from which on a whole file is said to be of another kind


@dataclass(frozen=True)
class Distance:
    """Distance from ``center`` (W,) after the map ``factor`` (W, W), which whitens and scales."""

    center: Array
    factor: Array

    def __call__(self, inputs: Array) -> Array:
        """Return the distances (N,) of ``inputs`` (N, W): above 1, a text is unlike the training's.

        1 is what FAMILIAR of held-out texts keep.
        """
        return np.asarray(np.linalg.norm((inputs - self.center) @ self.factor, axis=1))


def fit_distance(inputs: Array, held_out: Array) -> Distance:
    """Return the distance from training texts' ``inputs`` (N, W), N > 1.

    Its unit is set by ``held_out`` (M, W), of texts of the same kind that nothing was fitted to.
    """
    from sklearn.covariance import LedoitWolf  # late: it takes seconds

    fit = LedoitWolf().fit(inputs)
    variances, directions = np.linalg.eigh(fit.covariance_)
    largest = max(float(variances.max()), 1e-12)  # where all texts are alike
    factor = directions / np.sqrt(np.maximum(variances, 1e-9 * largest))
    plain = Distance(fit.location_, factor)
    unit = float(np.quantile(plain(held_out), FAMILIAR))
    return Distance(plain.center, factor / max(unit, 1e-12))


def is_far(distance: float) -> bool:
    """Tell whether a text is unlike the training texts."""
    return distance > 1


def mostly_far(far: int, texts: int) -> str | None:
    """Return a sentence where more than MOSTLY of ``texts`` are ``far``, else None."""
    if far <= MOSTLY * texts:
        return None
    return (
        f"{far:,} of {texts:,} texts are unlike the training texts (at a distance above 1, as "
        f"{1 - FAMILIAR:.0%} of held-out texts are): their rewards may mean little"
    )
