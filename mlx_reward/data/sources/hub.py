"""Datasets from the Hugging Face hub.

Single files for presets, whole datasets through the library ``datasets``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download

from mlx_reward.data.formats.row import Row
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.install import install_command

ENDPOINT: str | None = None  # the hub itself, or HF_ENDPOINT
CACHE: Path | None = None  # the hub's own cache folder, or HF_HOME


def fetch_file(repo: str, revision: str, file: str) -> Path:
    """Return the local copy of one file of a dataset repo.

    The hub's client checks its digest, and resumes after a break.
    """
    try:
        path = hf_hub_download(
            repo,
            file,
            repo_type="dataset",
            revision=revision,
            endpoint=ENDPOINT,
            cache_dir=CACHE,
        )
    except Exception as error:  # its client lets errors of the HTTP library of the day through
        raise _failed(f"{file} of {repo}", revision, error) from None
    return Path(path)


def read_dataset(
    repo: str, config: str | None, split: str | None, revision: str | None
) -> Iterator[tuple[int, Row]]:
    """Yield (row number, row) of one split of a dataset on the hub."""
    datasets = _library()
    try:
        found = datasets.load_dataset(
            repo, config, split=split or "train", revision=revision, cache_dir=CACHE
        )
    except Exception as error:  # of the library, the file system and the HTTP client beneath
        raise _failed(repo, revision, error) from None
    yield from enumerate(found, 1)


def split_names(repo: str) -> list[str]:
    """Return the names of a dataset's splits, at least one."""
    datasets = _library()
    try:
        return list(datasets.get_dataset_split_names(repo))
    except Exception as error:  # as above
        raise _failed(repo, None, error) from None


def _library() -> Any:
    try:
        import datasets
    except ImportError:
        raise InputError(
            f"data.source: datasets of the hub need an extra; {install_command('hub')}"
        ) from None
    return datasets


def _failed(what: str, revision: str | None, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:300]
    return InputError(
        f"data.source: {what} at revision {revision or 'main'} could not be had ({reason}); "
        "check the name, data.config and data.split, your access and the network, "
        "and run again to go on"
    )
