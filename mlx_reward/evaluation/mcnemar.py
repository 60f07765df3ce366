"""McNemar's test: are two models right equally often on the same pairs?"""

from mlx_reward.utils.arrays import Array


def mcnemar_p(first: Array, second: Array) -> float:
    """Return the two-sided exact p that both margins (P,) are right equally often (McNemar 1947).

    A tie counts as wrong. Only pairs that one of the two decides right tell anything.
    """
    from scipy.stats import binomtest  # late: it takes a second, and most commands need it not

    only_first = int(((first > 0) & (second <= 0)).sum())
    only_second = int(((second > 0) & (first <= 0)).sum())
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second).pvalue)
