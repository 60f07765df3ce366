"""Measure a reward model on a benchmark file."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mlx_reward.data.chat import Renderer, TooLong
from mlx_reward.evaluation.benchmark_sets.questions import Question, read_questions
from mlx_reward.evaluation.benchmark_sets.scores import Metrics, benchmark_metrics
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError

Score = Callable[[Sequence[list[int]]], Array]  # from token ids of N texts to rewards (N,)


def measure(source: str, renderer: Renderer, score: Score) -> Metrics:
    """Return the metrics of the benchmark file ``source``.

    ``unusable`` counts the rows that cannot be read or do not fit into max_seq_length. InputError
    where none is left.
    """
    questions, unusable = read_questions(source)
    kept: list[Question] = []
    texts: list[list[int]] = []
    for question in questions:
        try:
            rendered = [renderer.render(question.prompt, r).tokens for r in question.responses]
        except TooLong:
            unusable += 1
            continue
        texts += rendered
        kept.append(question)
    if not kept:
        raise InputError(
            f"eval.benchmarks: no question of {source} fits into train.max_seq_length; raise it"
        )
    starts = np.cumsum([len(question.responses) for question in kept])[:-1]
    rewards = np.split(score(texts), starts)  # one array for each question
    metrics = benchmark_metrics(list(zip(kept, rewards, strict=True)))
    return metrics | {"unusable": unusable}


def name(source: str) -> str:
    """Return what metrics/benchmarks.json calls ``source``: its file name without endings."""
    return Path(source).name.split(".")[0]
