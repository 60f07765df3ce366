"""Which backbone this is: a reward model fits only the one it was trained on."""

import hashlib
from contextlib import suppress
from pathlib import Path

from mlx_reward.utils.cache_folder import cache_folder
from mlx_reward.utils.files import whole_file
from mlx_reward.utils.fingerprint import fingerprint

PARTS = ("config.json", "tokenizer.json", "*.safetensors")


def digest(folder: Path) -> str:
    """Return the SHA-256, in hex, over names and contents of weights, config and tokenizer.

    It is kept in the cache folder for as long as no file of ``folder`` changes size or time.
    """
    files = sorted({path for pattern in PARTS for path in folder.glob(pattern)})
    states = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    kept = cache_folder() / "digests" / fingerprint(str(folder.resolve()), states)
    with suppress(OSError):
        return kept.read_text()
    found = _sha256(files)
    with suppress(OSError), whole_file(kept) as temporary:  # a cache that is full stops nobody
        temporary.write_text(found)
    return found


def _sha256(files: list[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            total.update(f"{path.name}\0".encode())
            while block := file.read(1 << 20):
                total.update(block)
    return total.hexdigest()
