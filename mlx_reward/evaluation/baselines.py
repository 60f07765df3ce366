"""The baseline that a reward model has to beat: a bag of words."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlx_reward.data.pair import Pair
from mlx_reward.utils.arrays import Array

LIMIT = 20_000  # training pairs; more change the accuracy little and cost minutes


def bag_of_words_margins(training: Sequence[Pair], test: Sequence[Pair]) -> Array:
    """Fit on ``training`` and return the margins (P,) on ``test``.

    The model is the linear counterpart of a Bradley-Terry model, logistic regression without a bias
    over tf-idf vectors f: P(chosen wins) = sigmoid(w . (f(chosen) - f(rejected))).
    """
    # late: these take a second, and most commands need them not
    from scipy.sparse import vstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    training = training[:LIMIT]
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
    words.fit([text for p in training for text in (p.chosen, p.rejected)])

    def differences(pairs: Sequence[Pair]) -> Any:  # a sparse matrix (P, words)
        chosen = words.transform([p.chosen for p in pairs])
        rejected = words.transform([p.rejected for p in pairs])
        return chosen - rejected

    difference = differences(training)
    labels = np.repeat([1, 0], difference.shape[0])
    regression = LogisticRegression(fit_intercept=False, max_iter=1000)
    regression.fit(vstack([difference, -difference]), labels)
    return np.asarray(regression.decision_function(differences(test)), dtype=np.float64)
