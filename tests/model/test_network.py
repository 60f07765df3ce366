"""A new reward model gives 0 to every text and trains its adapters and head alone."""

import math

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten

from mlx_reward.engine.engine import Engine
from mlx_reward.model.adapters import with_adapters
from mlx_reward.training.losses import Targets, bradley_terry
from tests import tiny
from tests.engine.test_engine import TEXTS


@pytest.mark.parametrize(("kind", "head"), [("lora", "linear"), ("dora", "mlp")])
def test_first_loss_is_log_2(kind: str, head: str) -> None:
    model = with_adapters(
        tiny.model("llama"), -1, rank=4, scale=2.0, dropout=0.0, fine_tune_type=kind, head=head
    )
    r = Engine(model).forward(TEXTS)
    plain = Targets(np.arange(3), labels=mx.ones(3), margins=mx.zeros(3))
    assert bradley_terry(r[:3], r[3:6], plain).item() == pytest.approx(math.log(2))


def test_only_adapters_and_head_are_trained() -> None:
    backbone = tiny.model("llama")
    backbone.freeze()
    model = with_adapters(backbone, 1, rank=4, scale=2.0, dropout=0.0)
    names = [name for name, _ in tree_flatten(model.trainable_parameters())]
    assert all(n.endswith(("lora_a", "lora_b")) or n.startswith("head.") for n in names)
    assert {n.split(".")[3] for n in names if "layers" in n} == {
        "2"
    }  # the last of three blocks only
