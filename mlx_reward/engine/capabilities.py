"""What an architecture allows on a device, and a note of it for later processes.

Trying it out takes as long as two short texts.
"""

import dataclasses
from contextlib import suppress
from pathlib import Path
from typing import Any

import mlx.nn as nn

from mlx_reward.cpu.way import takes_cpu_way
from mlx_reward.engine.fingerprint import arithmetic
from mlx_reward.utils.cache_folder import cache_folder
from mlx_reward.utils.files import whole_file
from mlx_reward.utils.fingerprint import fingerprint


@dataclasses.dataclass(frozen=True)
class Capabilities:
    """What an architecture allows on this device.

    ``padding_free``: texts run without padding, which is how a CPU runs them best; ``why_padded``
    says why not. ``shares_prefix``: texts share the computation of what they begin with.
    ``position_limit``: longer texts run alone, for their rotary embedding changes with the length
    of their batch.
    """

    padding_free: bool
    shares_prefix: bool
    position_limit: int | None = None
    why_padded: str = ""

    def __str__(self) -> str:
        way = "without padding" if self.padding_free else f"in padded batches: {self.why_padded}"
        prefixes = "what texts begin with in common runs once"
        if not self.shares_prefix:
            prefixes = "every text runs whole"
        limit = f"; longer than {self.position_limit} tokens, alone" if self.position_limit else ""
        return f"{way}; {prefixes}{limit}"


EVERYTHING = Capabilities(padding_free=True, shares_prefix=True)


def known_capabilities(backbone: nn.Module) -> Capabilities | None:
    """Return what an earlier process found out about the architecture; None where it is unknown.

    Only that everything is possible is kept: a failed trial may be due to damaged weights.
    """
    kept = _file(backbone)
    return EVERYTHING if kept is not None and kept.exists() else None


def keep_capabilities(backbone: nn.Module, found: Capabilities) -> None:
    """Note ``found`` for later processes."""
    kept = _file(backbone)
    if kept is None or found != EVERYTHING:
        return
    with suppress(OSError), whole_file(kept) as temporary:  # a cache that is full stops nobody
        temporary.write_text(str(found))


def _file(backbone: nn.Module) -> Path | None:
    """Return where the note on the architecture is; None where it cannot be told from others.

    It is named after all that decides a trial but for the weights: code, versions, device, and the
    numbers of the architecture's config.
    """
    numbers: Any = getattr(backbone, "args", None)
    module = type(backbone).__module__
    if not takes_cpu_way() or not dataclasses.is_dataclass(numbers):
        return None
    if not module.startswith("mlx_lm.models."):  # a file of the user's own may change
        return None
    return cache_folder() / "capabilities" / fingerprint(arithmetic(), module, str(numbers))
