"""The CPU's functions are bound to the parts of one model, by identity. Nobody else sees it."""

from importlib import import_module
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest

from mlx_reward.cpu.activations import gelu_approx, swiglu
from mlx_reward.cpu.attention import attention
from mlx_reward.cpu.install import install
from tests import tiny

pytestmark = pytest.mark.skipif(
    mx.default_device() != mx.Device(mx.cpu), reason="on a GPU nothing is bound"
)


def test_attention_and_activations_of_a_model_are_ours() -> None:
    model = tiny.model("llama")
    install(model)
    block = model.layers[0]
    assert type(block.self_attn).__call__.__globals__["scaled_dot_product_attention"] is attention
    assert type(block.mlp).__call__.__globals__["swiglu"] is swiglu


def test_nothing_of_mlx_or_mlx_lm_is_replaced_and_other_models_stay_as_they_were() -> None:
    """Functions of the modules were swapped during a call: with two threads, for good."""
    module = import_module("mlx_lm.models.llama")
    before = dict(vars(module)), dict(vars(nn))
    other, model = tiny.model("llama"), tiny.model("llama")
    kinds = [type(part) for _, part in other.named_modules()]
    install(model)
    model(mx.array([[1, 2, 3]]))
    assert (dict(vars(module)), dict(vars(nn))) == before
    assert [type(part) for _, part in other.named_modules()] == kinds


def test_gelu_is_ours_where_an_architecture_takes_it_from_mlx_nn() -> None:
    """Gemma calls it as nn.gelu_approx."""
    model = tiny.model("gemma2")
    install(model)
    assert type(model.layers[0].mlp).__call__.__globals__["nn"].gelu_approx is gelu_approx


OWN_SWIGLU = """
import mlx.nn as nn

def swiglu(gate, x):
    return gate + x

class MLP(nn.Module):
    def __call__(self, x):
        return swiglu(x, x)
"""


def test_a_function_of_the_same_name_that_an_architecture_has_of_its_own_stays() -> None:
    """Replaced by name, gpt_oss's own swiglu became another function: rewards were off by 0.68."""
    source: dict[str, Any] = {"__name__": "foreign"}
    exec(OWN_SWIGLU, source)
    model = source["MLP"]()
    install(model)
    assert model(mx.array([3.0])).item() == 6.0


@pytest.mark.parametrize("architecture", sorted(tiny.EXTRA | tiny.WINDOWED))
def test_a_model_computes_the_same_with_ours(architecture: str) -> None:
    plain, quick = tiny.model(architecture), tiny.model(architecture)
    install(quick)
    install(quick)  # a second time changes nothing
    tokens = mx.array([[5, 6, 7, 8, 9, 10, 11, 12]])
    assert np.allclose(np.array(plain(tokens)), np.array(quick(tokens)), rtol=1e-3, atol=1e-4)


def test_names_of_parameters_stay() -> None:
    plain, quick = tiny.model("gemma2"), tiny.model("gemma2")
    install(quick)
    assert str(plain) == str(quick)
