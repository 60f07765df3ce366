"""A model from the Hugging Face hub, at a fixed revision."""

from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import snapshot_download

from mlx_reward.utils.errors import InputError

ENDPOINT: str | None = None  # the hub itself, or HF_ENDPOINT
CACHE: Path | None = None  # the hub's own cache folder, or HF_HOME
PATTERNS = [
    "*.json",
    "model*.safetensors",
    "*.model",
    "*.tiktoken",
    "*.txt",
    "*.jinja",
]  # data only, no code


def download(
    repo: str,
    revision: str | None,
    patterns: Sequence[str] = tuple(PATTERNS),
    what: str = "base.source",
) -> Path:
    """Return the hub's local copy of the files of ``repo`` that ``patterns`` match.

    It is downloaded as far as it is not there yet. ``what`` names it in messages.
    """
    try:
        return Path(
            snapshot_download(
                repo,
                revision=revision,
                allow_patterns=list(patterns),
                endpoint=ENDPOINT,
                cache_dir=CACHE,
            )
        )
    except Exception as error:  # its client lets errors of the HTTP library of the day through
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{what} {repo!r} at revision {revision or 'main'} could not be downloaded "
            f"({reason}); check the name, your access to it and the network, and run again to go on"
        ) from None
