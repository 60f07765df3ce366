"""Figures about the splits: token lengths as training sees them, shared words."""

from pathlib import Path

from mlx_reward.data.chat import load_renderer
from mlx_reward.data.pair import Pair
from mlx_reward.data.split_stats import (
    SAMPLE_SIZE,
    even_sample,
    token_lengths,
    token_metrics,
    vocabulary_overlap,
)


def pair(chosen: str, rejected: str) -> Pair:
    return Pair(prompt="q", chosen=chosen, rejected=rejected, id="x")


def test_token_lengths_are_those_of_the_rendered_texts(backbone: Path) -> None:
    renderer = load_renderer(backbone, 1 << 20)
    pairs = [pair("a" * n, "b") for n in range(1, 40)]
    lengths = token_lengths(pairs, renderer)
    metrics = token_metrics(lengths, limit=len(renderer.render("q", "a" * 20).tokens))
    assert lengths[:2] == [len(renderer.render("q", text).tokens) for text in ("a", "b")]
    assert (
        metrics["over_max_seq_length"]
        == sum(length > lengths[38] for length in lengths) / len(lengths)
        > 0
    )
    assert metrics["tokens_p50"] <= metrics["tokens_p95"] <= metrics["tokens_p99"] <= max(lengths)


def test_a_sample_is_even_and_bounded() -> None:
    pairs = [pair(f"{n}", "b") for n in range(3 * SAMPLE_SIZE - 1)]
    assert even_sample(pairs[:10], 10) == pairs[:10]
    assert even_sample(pairs, len(pairs)) == pairs[::3]


def test_vocabulary_overlap_counts_different_words_once() -> None:
    assert vocabulary_overlap([pair("A b", "c")], [pair("a a a", "d")]) == 0.5


def test_vocabulary_of_a_script_without_spaces_is_pairs_of_characters() -> None:
    """By hand: of 量子, 子力, 力学, 学家 and x, train has all but 学家."""
    train = [pair("量子力学是物理", "x")]
    assert vocabulary_overlap(train, [pair("量子力学家", "x")]) == 4 / 5
