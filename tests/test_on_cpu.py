"""Functions of mlx_lm's modules are replaced for the while of a forward pass, and never longer."""

import pytest

from mlx_reward.fast_math import swiglu
from mlx_reward.on_cpu import modules, replaced
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
