"""Adapters go on the layers that the settings name."""

import pytest

from mlx_reward.model.adapters import with_adapters
from mlx_reward.utils.errors import InputError
from tests import tiny
from tests.toy import weights

LORA = {"rank": 4, "scale": 2.0, "dropout": 0.0}


def test_adapters_go_where_their_keys_say() -> None:
    backbone = tiny.model("llama")
    backbone.freeze()
    names = weights(with_adapters(backbone, 2, **LORA, keys=["self_attn.q_proj"]))
    assert sorted(name for name in names if "head" not in name) == [
        f"backbone.model.layers.{layer}.self_attn.q_proj.{leaf}"
        for layer in (1, 2)
        for leaf in ("lora_a", "lora_b")
    ]


def test_a_key_that_names_no_layer_is_refused_with_the_names_there_are() -> None:
    expected = r"train.lora.keys: no layer is called q; there are mlp.down_proj, .*self_attn.v_proj"
    with pytest.raises(InputError, match=expected):
        with_adapters(tiny.model("llama"), 2, **LORA, keys=["q"])
