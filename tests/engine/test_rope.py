"""Dynamic-NTK rotary embeddings turn tokens by the length of their text."""

from importlib import import_module

import mlx.core as mx
import numpy as np
import pytest

from mlx_reward.engine.engine import Engine
from mlx_reward.engine.rope import position_limit
from mlx_reward.engine.runner import CANNOT
from mlx_reward.model.adapters import with_adapters
from mlx_reward.model.network import RewardNetwork
from tests import tiny

LIMIT = 64


def network(architecture: str, kind: str = "dynamic") -> RewardNetwork:
    module = import_module(f"mlx_lm.models.{architecture}")
    scaling = {"type": kind, "rope_type": kind, "factor": 4.0}
    fields = tiny.COMMON | {"max_position_embeddings": LIMIT, "rope_scaling": scaling}
    mx.random.seed(0)
    arguments = {"model_type": architecture, "vocab_size": 259, **fields}
    backbone = module.Model(module.ModelArgs.from_dict(arguments))
    backbone.update(tiny._spread_parameters(backbone))
    backbone.freeze()
    found = with_adapters(backbone, 1, rank=4, scale=2.0, dropout=0.0)
    found.head.weight = mx.random.normal(found.head.weight.shape)
    found.eval()
    return found


@pytest.mark.parametrize("architecture", ["internlm2", "internlm3"])
def test_a_text_beyond_the_limit_gets_the_reward_of_plain_mlx_lm(architecture: str) -> None:
    """A shared prefix is turned before the length of what follows it is known."""
    model = network(architecture)
    rng = np.random.default_rng(0)
    prefix = rng.integers(1, 250, 50).tolist()
    texts = [prefix + rng.integers(1, 250, n).tolist() for n in (4, 10, 30, 80, 81)]
    plain = []
    for text in texts:
        states = model.backbone.model(mx.array([text]))
        plain.append(model.head_rewards(states[:, -1]).item())
    engine = Engine(model)
    assert engine.score(texts) == pytest.approx(plain, abs=1e-4)
    assert not engine.shares_prefix
    features = engine.features(texts)  # of two frozen blocks
    assert engine.score(texts, features=features) == pytest.approx(plain, abs=1e-4)


@pytest.mark.parametrize("kind", ["dynamic", "linear"])
def test_only_embeddings_that_depend_on_the_length_have_a_limit(kind: str) -> None:
    found = position_limit(network("internlm2", kind).backbone, CANNOT)
    assert found == (LIMIT if kind == "dynamic" else None)


def test_limits_of_the_length_that_models_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.engine.test_rope.LIMIT", 131_072)
    assert position_limit(network("internlm2").backbone, CANNOT) == 131_072
