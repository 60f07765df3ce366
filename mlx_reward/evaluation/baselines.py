"""What a reward model has to beat: bag of words."""

from collections.abc import Sequence

import numpy as np

from mlx_reward.data.pair import Pair
from mlx_reward.utils.arrays import Array

LIMIT = 20_000  # training pairs; more change the figure little and cost minutes


def bag_of_words_margins(training: Sequence[Pair], test: Sequence[Pair]) -> Array:
    """Margins (P,) on ``test`` of logistic regression over differences of tf-idf vectors of the two responses.

    The linear counterpart of a Bradley-Terry model: P(chosen wins) = sigmoid(w . (f(chosen) - f(rejected))), without bias.
    """
    from scipy.sparse import vstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import (
        LogisticRegression,  # late, for it takes a second that most commands need not wait
    )

    training = training[:LIMIT]
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
    words.fit([text for p in training for text in (p.chosen, p.rejected)])

    def differences(pairs: Sequence[Pair]):  # type: ignore[no-untyped-def]  # scipy's sparse matrices have no stubs
        return words.transform([p.chosen for p in pairs]) - words.transform(
            [p.rejected for p in pairs]
        )

    difference = differences(training)
    labels = np.repeat([1, 0], difference.shape[0])
    regression = LogisticRegression(fit_intercept=False, max_iter=1000)
    regression.fit(vstack([difference, -difference]), labels)
    return np.asarray(regression.decision_function(differences(test)), dtype=np.float64)
