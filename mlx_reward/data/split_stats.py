"""What the splits are like: the metrics of metrics/split.json, on an even sample of many pairs."""

from collections.abc import Iterable

import numpy as np

from mlx_reward.data.chat import Renderer, TooLong
from mlx_reward.data.pair import Pair, Prompt
from mlx_reward.data.splitting.shingles import vocabulary
from mlx_reward.utils.progress import bar

SAMPLE_SIZE = 2000
Metrics = dict[str, int | float]


def even_sample(pairs: Iterable[Pair], total: int) -> list[Pair]:
    """Return every k-th of ``total`` pairs, at most SAMPLE_SIZE."""
    step = -(-total // SAMPLE_SIZE)  # rounded up
    return [pair for number, pair in enumerate(pairs) if number % step == 0]


def token_lengths(pairs: list[Pair], renderer: Renderer) -> list[int]:
    """Return the tokens of prompt and response together, for chosen and rejected of each pair."""
    return [
        _length(renderer, pair.prompt, response)
        for pair in bar(pairs, total=len(pairs), what="tokens", unit="pair")
        for response in (pair.chosen, pair.rejected)
    ]


def token_metrics(lengths: list[int], limit: int) -> Metrics:
    """Return quantiles of the ``lengths``, and the share of them above ``limit``."""
    p50, p95, p99 = (int(np.quantile(lengths, q)) for q in (0.5, 0.95, 0.99))
    return {
        "tokens_p50": p50,
        "tokens_p95": p95,
        "tokens_p99": p99,
        "over_max_seq_length": sum(length > limit for length in lengths) / len(lengths),
        "texts": len(lengths),
    }


def vocabulary_overlap(train: list[Pair], test: list[Pair]) -> float:
    """Return the share of the different words of ``test`` that occur in ``train``.

    It is low where the topics differ.
    """
    train_words = _words(train)
    test_words = _words(test)
    return len(test_words & train_words) / max(len(test_words), 1)


def _length(renderer: Renderer, prompt: Prompt, response: str) -> int:
    try:
        return len(renderer.render(prompt, response).tokens)
    except TooLong:
        return renderer.max_seq_length


def _words(pairs: list[Pair]) -> set[str]:
    return {
        word for pair in pairs for text in (pair.chosen, pair.rejected) for word in vocabulary(text)
    }
