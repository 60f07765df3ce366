"""Functions of mlx_lm's modules are replaced for the while of a forward pass, and never longer."""

import mlx.nn as nn
import pytest

from mlx_reward.cpu.activations import gelu, gelu_approx, swiglu
from mlx_reward.cpu.install import modules, replaced
from tests import tiny


def test_the_models_module_is_left_as_it_was() -> None:
    """Other models of the same process must not get our functions, not even after an error."""
    model = tiny.model("llama")
    module = tiny.importlib.import_module("mlx_lm.models.llama")
    before = (module.swiglu, module.scaled_dot_product_attention)
    with pytest.raises(RuntimeError), replaced(modules(model)):
        assert module.swiglu is swiglu
        raise RuntimeError
    assert (module.swiglu, module.scaled_dot_product_attention) == before


def test_gelu_is_ours_where_an_architecture_takes_it_from_mlx_nn() -> None:
    """Gemma calls it as nn.gelu_approx, so that a replacement in the architecture's own module would never be called."""
    before = (nn.gelu, nn.gelu_approx)
    with replaced(modules(tiny.model("gemma2"))):
        assert (nn.gelu, nn.gelu_approx) == (gelu, gelu_approx)
    assert (nn.gelu, nn.gelu_approx) == before
