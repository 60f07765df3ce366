"""Which backbone this is: a reward model fits only the one it was trained on."""

import hashlib
from pathlib import Path

PARTS = ("config.json", "tokenizer.json", "*.safetensors")


def digest(folder: Path) -> str:
    """SHA-256, in hex, over names and contents of the weights, the config and the tokenizer in
    ``folder``.
    """
    total = hashlib.sha256()
    for path in sorted({p for pattern in PARTS for p in folder.glob(pattern)}):
        with path.open("rb") as file:
            total.update(f"{path.name}\0".encode())
            while block := file.read(1 << 20):
                total.update(block)
    return total.hexdigest()
