"""McNemar's test against the binomial test of scipy."""

import numpy as np
from scipy.stats import binomtest

from mlx_reward.evaluation.mcnemar import mcnemar_p


def test_only_the_pairs_that_differ_count() -> None:
    first = np.array([1.0] * 8 + [-1.0] * 2 + [1.0] * 50)
    second = np.array([-1.0] * 8 + [1.0] * 2 + [1.0] * 50)
    assert mcnemar_p(first, second) == binomtest(8, 10).pvalue


def test_models_that_decide_alike_are_alike() -> None:
    same = np.array([1.0, -1.0, 0.0])
    assert mcnemar_p(same, same) == 1.0
