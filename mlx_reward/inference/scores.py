"""Rewards with what a model knows of how sure they are."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mlx_reward.engine.ensemble import mean_and_deviation
from mlx_reward.utils.arrays import Array


class Scores(NamedTuple):
    """Of N texts, (N,) each.

    ``uncertainties`` are standard deviations of ``rewards``, and the root of the sum of the squares
    of their two parts: ``between`` the members of an ensemble, and ``within`` each, from the
    posterior of its last layer. A part that the model does not have is 0. ``distances`` are those
    from the training texts, with 1 for the edge of what is usual; NaN where they are not known.
    """

    rewards: Array
    uncertainties: Array
    between: Array
    within: Array
    distances: Array

    @classmethod
    def of_columns(cls, columns: Sequence[Array]) -> "Scores":
        """Return the scores of these columns; none of an empty request has more than two."""
        empty = [np.zeros(0)] * (len(cls._fields) - len(columns))
        return cls(*columns, *empty)

    @classmethod
    def joined(cls, parts: Sequence["Scores"]) -> "Scores":
        """Return the scores of all the texts of ``parts``, in their order."""
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    @classmethod
    def of_rewards(
        cls, rewards: Array, variances: Array | None = None, distances: Array | None = None
    ) -> "Scores":
        """Return the scores of an ensemble from ``rewards`` and ``variances`` (K, N) of K members.

        By the law of total variance the variance is that of the members' rewards and the mean of
        their variances.
        """
        means, between = mean_and_deviation(rewards)
        within = np.zeros_like(means) if variances is None else np.sqrt(variances.mean(axis=0))
        unknown = np.full_like(means, np.nan)
        return cls(
            rewards=means,
            uncertainties=np.hypot(between, within),
            between=between,
            within=within,
            distances=unknown if distances is None else distances,
        )
