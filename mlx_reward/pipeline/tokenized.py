"""The pairs of a split in the tokens of the backbone."""

from collections.abc import Callable
from pathlib import Path

from mlx_reward.data.chat import Renderer
from mlx_reward.data.dataset import PreferenceDataset, tokenize
from mlx_reward.data.pair import Pair, read_pairs
from mlx_reward.data.valid_parts import chooses
from mlx_reward.utils.errors import InputError

Select = Callable[[list[Pair]], list[Pair]]


def tokenized(
    path: Path, renderer: Renderer, select: Select = lambda pairs: pairs
) -> PreferenceDataset:
    """Return the pairs of the file ``path``; raise InputError where none of them can be used.

    ``select`` gets the pairs that the file holds and returns those to be used.
    """
    dataset = tokenize(select(read_pairs(path)), renderer)
    if dataset.pairs:
        return dataset
    if dataset.dropped:
        raise InputError(
            f"{path}: every pair has a response over train.max_seq_length "
            f"({renderer.max_seq_length} tokens); raise it"
        )
    raise InputError(f"{path} holds no pairs; raise split.{path.stem.removeprefix('rm_')}_size")


def choosing_pairs(pairs: list[Pair]) -> list[Pair]:
    """Return those of the valid split that may choose the checkpoint (data/valid_parts.py)."""
    choosing = chooses([pair.cluster_key for pair in pairs])
    return [pair for pair, chosen in zip(pairs, choosing, strict=True) if chosen]
