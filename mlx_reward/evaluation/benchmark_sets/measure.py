"""A reward model on a benchmark file."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlx_reward.data.chat import Renderer, TooLong
from mlx_reward.evaluation.benchmark_sets.questions import Question, read_questions
from mlx_reward.evaluation.benchmark_sets.scores import Figures, figures
from mlx_reward.utils.errors import InputError

Score = Callable[
    [Sequence[list[int]], Sequence[int]], NDArray[np.float64]
]  # rewards of token ids, and which share a prompt


def measure(source: str, renderer: Renderer, score: Score) -> Figures:
    """Figures of ``source``; ``unusable`` counts the rows that cannot be read or do not fit into max_seq_length."""
    questions, unusable = read_questions(source)
    kept, texts, owners = list[Question](), list[list[int]](), list[int]()
    for question in questions:
        try:
            rendered = [
                renderer.render(question.prompt, response).tokens for response in question.responses
            ]
        except TooLong:
            unusable += 1
            continue
        texts += rendered
        owners += [len(kept)] * len(rendered)
        kept.append(question)
    if not kept:
        raise InputError(
            f"eval.benchmarks: no question of {source} fits into train.max_seq_length; raise it"
        )
    ends = np.cumsum([len(q.responses) for q in kept])[:-1]
    return figures(list(zip(kept, np.split(score(texts, owners), ends), strict=True))) | {
        "unusable": unusable
    }


def name(source: str) -> str:
    """What the figures of ``source`` are called: its file name without endings, or its last part."""
    return Path(source).name.split(".")[0]
