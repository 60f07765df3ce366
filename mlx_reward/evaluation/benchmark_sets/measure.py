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

    ``unusable`` counts the rows that cannot be read or do not fit into max_seq_length, and
    ``unusable_first`` says why the first could not be used. InputError where none is left.
    """
    questions, unusable = read_questions(source)
    kept: list[Question] = []
    texts: list[list[int]] = []
    for question in questions:
        try:
            rendered = [renderer.render(question.prompt, r).tokens for r in question.responses]
        except TooLong as reason:
            unusable.append(f"question {question.id}: {reason}")
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
    metrics |= {"unusable": len(unusable)}
    return metrics | ({"unusable_first": unusable[0]} if unusable else {})


def names(sources: Sequence[str]) -> list[str]:
    """Return what metrics/benchmarks.json calls each of ``sources``.

    It is the file's name without endings; where that names several of them, all that was given.
    """
    stems = [Path(source).name.split(".")[0] for source in sources]
    return [
        stem if stems.count(stem) == 1 else source
        for stem, source in zip(stems, sources, strict=True)
    ]
