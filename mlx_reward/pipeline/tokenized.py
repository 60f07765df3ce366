"""The pairs of a split in the tokens of the backbone."""

from pathlib import Path

from mlx_reward.data.chat import Renderer
from mlx_reward.data.dataset import PreferenceDataset, tokenize
from mlx_reward.data.pair import read_pairs
from mlx_reward.utils.errors import InputError


def tokenized(path: Path, renderer: Renderer) -> PreferenceDataset:
    """Return the pairs of the file ``path``; raise InputError where none of them can be used."""
    dataset = tokenize(read_pairs(path), renderer)
    if dataset.pairs:
        return dataset
    if dataset.dropped:
        raise InputError(
            f"{path}: every pair has a response over train.max_seq_length "
            f"({renderer.max_seq_length} tokens); raise it"
        )
    raise InputError(f"{path} holds no pairs; raise split.{path.stem.removeprefix('rm_')}_size")
