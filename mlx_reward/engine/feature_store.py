"""Features of a set of texts, within a budget of memory: computed, or read where an earlier run
left them.

They are kept in the cache folder under a digest of all they depend on: the backbone, how many
blocks are frozen, the tokens.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from mlx_reward.engine.engine import Engine
from mlx_reward.engine.features import FrozenFeatures
from mlx_reward.engine.fingerprint import arithmetic
from mlx_reward.utils import tensors
from mlx_reward.utils.cache_folder import cache_folder
from mlx_reward.utils.files import whole_file
from mlx_reward.utils.machine import memory_bytes

DISK_BYTES = 4 << 30  # kept between runs; the files not used for longest go first
Budget = float | str  # GB, or "auto", or "off"


def frozen_features(
    engine: Engine,
    texts: Sequence[list[int]],
    budget: Budget,
    backbone_digest: str,
) -> FrozenFeatures | None:
    """Return features of ``texts``, or None where nothing is frozen, they would not fit, or are not
    exact.

    ``budget`` is the memory allowed, in GB; "auto" is a quarter of what this process may use.
    """
    if not texts or budget == "off" or engine.frozen_blocks == 0:
        return None
    size = states_bytes(texts, engine.network.hidden_size)
    allowed = allowed_bytes(budget)
    if size > allowed:
        print(
            f"note: hidden states of {len(texts)} texts take {size / 1e9:.1f} GB, over the "
            f"{allowed / 1e9:.1f} GB that train.frozen_cache leaves for them; they are not kept"
        )
        return None
    if not engine.can_reuse_features(texts[0]):
        print(
            "note: the frozen blocks of this architecture cannot be passed over, "
            "so they run in every epoch"
        )
        return None
    path = cache_folder() / "frozen" / f"{_key(engine, texts, backbone_digest)}.safetensors"
    states = _read(path)
    if states is None:
        states = engine.features(texts).states
        _keep(path, states)
    return FrozenFeatures.of_texts(states, texts)


def allowed_bytes(budget: Budget) -> float:
    """Return ``budget`` in bytes."""
    if budget == "auto":
        return memory_bytes() / 4
    return float(budget) * 1e9


def states_bytes(texts: Sequence[list[int]], hidden_size: int) -> int:
    """Return how many bytes features of ``texts`` take."""
    return sum(map(len, texts)) * hidden_size * 4


def left_of(budget: Budget, features: FrozenFeatures | None) -> Budget:
    """Return what ``features`` leave of ``budget`` for another set of texts."""
    if budget == "off" or features is None:
        return budget
    return (allowed_bytes(budget) - features.states.nbytes) / 1e9


def _key(engine: Engine, texts: Sequence[list[int]], backbone_digest: str) -> str:
    digest = hashlib.sha256(f"{backbone_digest} {engine.frozen_blocks} {arithmetic()}".encode())
    for text in texts:
        digest.update(np.array([len(text), *text], dtype=np.int32).tobytes())
    return digest.hexdigest()[:32]


def _read(path: Path) -> mx.array | None:
    try:
        loaded: Any = mx.load(str(path))
        states: mx.array = loaded["states"]
        mx.eval(states)
        path.touch()
    except (RuntimeError, OSError, KeyError, TypeError):  # not there, or damaged: it is made again
        return None
    return states


def _keep(path: Path, states: mx.array) -> None:
    """Room is made first; a cache that cannot be written is no reason to stop."""
    if states.nbytes > DISK_BYTES:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        others = sorted(path.parent.glob("*.safetensors"), key=lambda p: -p.stat().st_mtime)
        total = states.nbytes
        for other in others:
            total += other.stat().st_size
            if total > DISK_BYTES:
                other.unlink()
        with whole_file(path) as temporary:
            tensors.save(temporary, {"states": states})
    except OSError as error:
        print(f"note: hidden states could not be kept for the next run ({error.strerror})")
