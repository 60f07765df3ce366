"""Frozen states of a set of texts, from memory's budget: computed, or read where an earlier run left them.

They are kept in the cache folder under a digest of all they depend on: the backbone, how many blocks are frozen, the tokens.
"""

import hashlib
import os
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

import mlx_reward
from mlx_reward import tensors
from mlx_reward.bundles import batches
from mlx_reward.cache import cache_folder
from mlx_reward.files import whole_file
from mlx_reward.fingerprint import code_digest
from mlx_reward.frozen import FrozenStates, frozen_blocks, tapped
from mlx_reward.lanes import lanes, states_below
from mlx_reward.model import RewardNetwork
from mlx_reward.progress import bar
from mlx_reward.scoring import TOKENS

DISK_BYTES = 4 << 30  # kept between runs; the files not used for longest go first
Budget = float | str  # GB, or "auto", or "off"
ROOMS = (
    "backbone", "backbones", "blas", "blocks", "bundles", "cpu", "fast_attention", "fast_math", "frozen", "frozen_store",
    "lanes", "layout", "model", "on_cpu", "packed", "packed_cache", "padded", "prefix_cache", "scoring",
)  # fmt: skip


def frozen_states(
    model: RewardNetwork, texts: Sequence[list[int]], prompts: Sequence[Hashable], budget: Budget, backbone: str
) -> FrozenStates | None:
    """States of ``texts`` below the first adapter, or None where nothing is frozen, it would not fit, or it is not exact.

    ``backbone`` is the digest of the backbone, ``budget`` the memory allowed, in GB; "auto" is a quarter of the machine's.
    """
    if not texts or budget == "off" or frozen_blocks(model.backbone) == 0:
        return None
    size = sum(map(len, texts)) * model.hidden_size * 4
    if size > allowed(budget):
        print(f"note: hidden states of {len(texts)} texts take {size / 1e9:.1f} GB, over train.frozen_cache; they are not kept")
        return None
    if not can_reuse(model, texts[0]):
        print("note: the frozen blocks of this architecture cannot be passed over, so they run in every epoch")
        return None
    path = cache_folder() / "frozen" / f"{_key(model, texts, backbone)}.safetensors"
    states = _read(path)
    if states is None:
        states = _compute(model, texts, prompts)
        _keep(path, states)
    return FrozenStates.of_texts(states, texts)


def allowed(budget: Budget) -> float:
    """Bytes."""
    if budget == "auto":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 4
    return float(budget) * 1e9


def can_reuse(model: RewardNetwork, text: list[int]) -> bool:
    """Whether ``text`` comes to the same hidden states when the frozen blocks are passed over.

    Some architectures hand more than one state from block to block, or look past the blocks.
    """
    tokens = mx.array([text])
    model.eval()  # dropout off: it would tell the two apart
    plain = model.hidden(tokens)
    try:
        with tapped(model.backbone) as below:
            model.hidden(tokens)
        fast = model.hidden(tokens, below=below[-1])
        return plain.shape == fast.shape and mx.allclose(plain, fast, rtol=1e-3, atol=1e-4).item() is True
    except (TypeError, ValueError, AttributeError, IndexError):
        return False
    finally:
        model.train()


def _compute(model: RewardNetwork, texts: Sequence[list[int]], prompts: Sequence[Hashable]) -> mx.array:
    streams, found = lanes(), [mx.zeros((0,))] * len(texts)
    with bar(total=len(texts), what="frozen blocks", unit="text") as progress:
        for batch in batches(texts, prompts, TOKENS, model.shares_prefix):
            states = states_below(model, [texts[i] for i in batch], [prompts[i] for i in batch], streams)
            mx.eval(states)
            ends = np.cumsum([len(texts[i]) for i in batch]).tolist()
            for i, end in zip(batch, ends, strict=True):
                found[i] = states[end - len(texts[i]) : end]
            progress.update(len(batch))
    joined = mx.concatenate(found)
    mx.eval(joined)
    return joined


def _key(model: RewardNetwork, texts: Sequence[list[int]], backbone: str) -> str:
    digest = hashlib.sha256(f"{backbone} {frozen_blocks(model.backbone)} {arithmetic()}".encode())
    for text in texts:
        digest.update(np.array([len(text), *text], dtype=np.int32).tobytes())
    return digest.hexdigest()[:32]


def arithmetic(rooms: Sequence[str] = ROOMS) -> str:
    """What decides the last digits: states of other code or another BLAS would make a run that no other machine repeats.

    ``rooms`` are the parts of this package that compute what is to be stored.
    """
    return f"{code_digest(rooms)} {mx.default_device()} {mlx_reward.BLAS} {len(lanes())}"


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
