"""What the splits are like: figures for metrics/split.json, on an even sample where there are many pairs."""

import re
from collections.abc import Iterable

import numpy as np

from mlx_reward.data.chat import Renderer, TooLong
from mlx_reward.data.pair import Pair
from mlx_reward.utils.progress import bar

SAMPLE = 2000
_WORD = re.compile(r"\w+")
Figures = dict[str, int | float]


def sample(pairs: Iterable[Pair], total: int) -> list[Pair]:
    """Every k-th pair, at most SAMPLE."""
    step = -(-total // SAMPLE)
    return [pair for number, pair in enumerate(pairs) if number % step == 0]


def token_figures(pairs: list[Pair], renderer: Renderer, limit: int) -> tuple[Figures, list[int]]:
    """Tokens of prompt and response together, as training will see them, and the share of texts above ``limit``."""
    lengths = [
        _length(renderer, pair.prompt, response)
        for pair in bar(pairs, total=len(pairs), what="tokens", unit="pair")
        for response in (pair.chosen, pair.rejected)
    ]
    p50, p95, p99 = (int(np.quantile(lengths, q)) for q in (0.5, 0.95, 0.99))
    over = sum(length > limit for length in lengths) / len(lengths)
    return {
        "tokens_p50": p50,
        "tokens_p95": p95,
        "tokens_p99": p99,
        "over_max_seq_length": over,
        "texts": len(lengths),
    }, lengths


def vocabulary_overlap(train: list[Pair], test: list[Pair]) -> float:
    """Share of the different words of ``test`` that occur in ``train``; low where the topics differ."""
    seen, asked = _words(train), _words(test)
    return len(asked & seen) / max(len(asked), 1)


def _length(renderer: Renderer, prompt: object, response: str) -> int:
    try:
        return len(renderer.render(prompt, response).tokens)  # type: ignore[arg-type]  # a pair's prompt
    except TooLong:
        return renderer.max_seq_length


def _words(pairs: list[Pair]) -> set[str]:
    return {
        word
        for pair in pairs
        for text in (pair.chosen, pair.rejected)
        for word in _WORD.findall(text.lower())
    }
