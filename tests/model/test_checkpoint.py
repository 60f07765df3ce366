"""A saved reward model scores as it did, opens in mlx_lm, and is refused where it does not fit."""

import json
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_map
from mlx_lm import load as mlx_lm_load

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.load import load_backbone
from mlx_reward.engine.engine import Engine
from mlx_reward.model import checkpoint
from mlx_reward.model.adapters import adapter_config, with_adapters
from mlx_reward.model.network import RewardNetwork
from mlx_reward.training.state import trainable_weights
from mlx_reward.utils import tensors
from mlx_reward.utils.errors import InputError
from tests import tiny

LORA = {"rank": 4, "scale": 2.0, "dropout": 0.1}
TEXTS = [[1, 2, 3, 4], [1, 2, 9], [7] * 30]


@pytest.fixture(params=[("lora", "linear"), ("dora", "mlp"), ("full", "linear")], ids=str)
def saved(
    tmp_path: Path, backbone: Path, request: pytest.FixtureRequest
) -> tuple[Path, RewardNetwork]:
    kind, head = request.param
    model = with_adapters(load_backbone(backbone), 2, **LORA, fine_tune_type=kind, head=head)
    model.head.update(tree_map(lambda p: mx.random.normal(p.shape), model.head.parameters()))
    model.update(
        tree_map(lambda p: p + 0.1 * mx.random.normal(p.shape), model.trainable_parameters())
    )
    params = {"head": head, "fine_tune_type": kind, "num_layers": 2}
    config = checkpoint.RewardConfig("base", digest(backbone), tiny.CHATML, 200, 0.5, 2.0, params)
    checkpoint.save(
        tmp_path / "rm",
        [trainable_weights(model)],
        adapter_config(2, **LORA, fine_tune_type=kind),
        config,
    )
    return tmp_path / "rm", model


def test_scores_survive_saving(saved: tuple[Path, RewardNetwork], backbone: Path) -> None:
    """Peers lose the head on export; here scores before and after must agree."""
    folder, model = saved
    loaded = checkpoint.load(folder, backbone)
    assert (
        Engine(loaded.network).padding_free == Engine(model).padding_free
    )  # dropout once hid from a loaded model that it could
    assert np.array_equal(Engine(loaded.network).score(TEXTS), Engine(model).score(TEXTS))
    config = loaded.config
    assert (config.max_seq_length, config.reward_mean, config.params["num_layers"]) == (200, 0.5, 2)


@pytest.mark.parametrize("saved", [("lora", "linear"), ("dora", "mlp")], indirect=True, ids=str)
def test_the_adapter_opens_in_mlx_lm(saved: tuple[Path, RewardNetwork], backbone: Path) -> None:
    model, _ = mlx_lm_load(str(backbone), adapter_path=str(saved[0]))
    assert model(mx.array([[1, 2]])).shape == (1, 2, 259)


def test_another_backbone_is_refused(saved: tuple[Path, RewardNetwork], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="was trained on another backbone"):
        checkpoint.load(saved[0], tiny.write_backbone(tmp_path / "other"))


@pytest.mark.parametrize(
    "name",
    [
        "adapters.safetensors",
        "reward_head.safetensors",
        "adapter_config.json",
        "reward_config.json",
    ],
)
@pytest.mark.parametrize("damage", [Path.unlink, lambda p: p.write_bytes(p.read_bytes()[:20])])
def test_a_damaged_checkpoint_is_one_line(
    saved: tuple[Path, RewardNetwork], backbone: Path, name: str, damage
) -> None:  # type: ignore[no-untyped-def]
    damage(saved[0] / name)
    with pytest.raises(InputError, match="run `dvc repro train`") as caught:
        checkpoint.load(saved[0], backbone)
    assert "\n" not in str(caught.value)


def test_a_newer_format_is_refused(saved: tuple[Path, RewardNetwork]) -> None:
    path = saved[0] / "reward_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 99}))
    with pytest.raises(InputError, match="format_version is 99, this release reads 1"):
        checkpoint.read_config(saved[0])


def test_whole_blocks_open_in_mlx_lm_over_a_backbone_that_is_not_quantized(tmp_path: Path) -> None:
    """Over a quantized one they do not: its blocks have no place for float32 weights."""
    base = tiny.write_backbone(tmp_path / "base")
    model = with_adapters(load_backbone(base), 1, **LORA, fine_tune_type="full")
    model.update(tree_map(lambda p: p + 0.1, model.trainable_parameters()))
    config = checkpoint.RewardConfig("base", digest(base), tiny.CHATML, 200, 0.5, 2.0, {})
    checkpoint.save(
        tmp_path / "rm",
        [trainable_weights(model)],
        adapter_config(1, **LORA, fine_tune_type="full"),
        config,
    )
    opened, _ = mlx_lm_load(str(base), adapter_path=str(tmp_path / "rm"))
    assert mx.allclose(
        opened.model(mx.array([[1, 2, 3]])), model.hidden_states(mx.array([[1, 2, 3]])), atol=1e-4
    )


def test_weights_of_another_shape_are_refused(
    saved: tuple[Path, RewardNetwork], backbone: Path
) -> None:
    tensors.save(
        saved[0] / "reward_head.safetensors", {"weight": mx.zeros((1, 7)), "bias": mx.zeros((1,))}
    )
    with pytest.raises(InputError, match="holds other weights than the model has"):
        checkpoint.load(saved[0], backbone)


@pytest.mark.parametrize("bits", [3, 6])
def test_dora_over_bits_that_mlx_lm_cannot_unpack_is_refused(bits: int) -> None:
    """It failed inside mlx-lm with a traceback. On a CPU the layers are widened before."""
    quantized = tiny.model("llama")
    nn.quantize(quantized, group_size=32, bits=bits)
    with pytest.raises(InputError, match=f"fine_tune_type is dora: .* has {bits} bits a weight"):
        with_adapters(quantized, 2, **LORA, fine_tune_type="dora")


@pytest.mark.parametrize("name", ["adapters.safetensors", "reward_head.safetensors"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(
    saved: tuple[Path, RewardNetwork], backbone: Path, name: str, value: float
) -> None:
    """Every reward became NaN, which the server answered as null."""
    weights = mx.load(str(saved[0] / name))
    first = min(weights)
    weights[first] = mx.concatenate(
        [weights[first][:-1], mx.full(weights[first][-1:].shape, value)]
    )
    mx.eval(weights)
    tensors.save(saved[0] / name, weights)
    with pytest.raises(InputError, match=f"{name} holds NaN or infinity in {first}"):
        checkpoint.load(saved[0], backbone)
