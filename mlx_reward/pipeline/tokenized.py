"""The pairs of a split in the tokens of the backbone."""

from pathlib import Path

from mlx_reward.data.chat import Renderer
from mlx_reward.data.dataset import PreferenceDataset, tokenize
from mlx_reward.data.pair import read_pairs
from mlx_reward.data.valid_parts import chooses
from mlx_reward.utils.errors import InputError


def tokenized(path: Path, renderer: Renderer, choosing_alone: bool = False) -> PreferenceDataset:
    """Return the pairs of the file ``path``; raise InputError where none of them can be used.

    With ``choosing_alone`` they are those that may choose the checkpoint (data/valid_parts.py).
    """
    pairs = read_pairs(path)
    if choosing_alone:
        choosing = chooses([pair.cluster_key for pair in pairs])
        pairs = [pair for pair, chosen in zip(pairs, choosing, strict=True) if chosen]
    dataset = tokenize(pairs, renderer)
    if dataset.pairs:
        return dataset
    if dataset.dropped:
        raise InputError(
            f"{path}: every pair has a response over train.max_seq_length "
            f"({renderer.max_seq_length} tokens); raise it"
        )
    raise InputError(f"{path} holds no pairs; raise split.{path.stem.removeprefix('rm_')}_size")
