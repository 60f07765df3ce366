"""A trained reward model, read from disk and ready to render and score."""

from dataclasses import dataclass
from pathlib import Path

from mlx_reward.data.chat import Renderer, load_renderer
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.ensemble import Ensemble
from mlx_reward.model import checkpoint
from mlx_reward.model.checkpoint_config import RewardConfig


@dataclass(frozen=True)
class Loaded:
    """What scores (an ensemble, of one member or more), what renders for it, what both rest on."""

    ensemble: Ensemble
    renderer: Renderer
    config: RewardConfig


def load(folder: Path, base: Path) -> Loaded:
    """Read the reward model in ``folder`` over the backbone in ``base``; InputError where they do
    not fit.
    """
    read = checkpoint.load(folder, base)
    ensemble = Ensemble(Engine(read.network), read.members)
    return Loaded(ensemble, load_renderer(base, **read.config.rendering), read.config)
