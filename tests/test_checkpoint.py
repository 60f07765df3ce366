"""A saved reward model scores as it did, opens in mlx_lm, and is refused where it does not fit."""

import json
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_map
from mlx_lm import load as mlx_lm_load

from mlx_reward import checkpoint
from mlx_reward.backbone import load_backbone
from mlx_reward.backbones.digest import digest
from mlx_reward.errors import InputError
from mlx_reward.model import RewardNetwork, adapter_config, with_adapters
from mlx_reward.scoring import score
from tests import tiny

LORA = {"rank": 4, "scale": 2.0, "dropout": 0.1}
TEXTS = [[1, 2, 3, 4], [1, 2, 9], [7] * 30]


@pytest.fixture(params=[("lora", "linear"), ("dora", "mlp")], ids=str)
def saved(tmp_path: Path, backbone: Path, request: pytest.FixtureRequest) -> tuple[Path, RewardNetwork]:
    kind, head = request.param
    model = with_adapters(load_backbone(backbone), 2, **LORA, fine_tune_type=kind, head=head)
    model.head.update(tree_map(lambda p: mx.random.normal(p.shape), model.head.parameters()))
    model.apply_to_modules(lambda _, m: "lora_b" in m and m.update({"lora_b": mx.random.normal(m.lora_b.shape)}))
    config = checkpoint.RewardConfig("base", digest(backbone), tiny.CHATML, 200, 0.5, 2.0, {"seed": 0, "head": head})
    checkpoint.save(tmp_path / "rm", model, adapter_config(2, **LORA, fine_tune_type=kind), config)
    return tmp_path / "rm", model


def test_scores_survive_saving(saved: tuple[Path, RewardNetwork], backbone: Path) -> None:
    """Peers lose the head on export; here scores before and after must agree."""
    folder, model = saved
    loaded, renderer, config = checkpoint.load(folder, backbone)
    assert loaded.packs == model.packs  # dropout once hid from a loaded model that it could
    assert np.array_equal(score(loaded, TEXTS, [0, 0, 1]), score(model, TEXTS, [0, 0, 1]))
    assert renderer.max_seq_length == 200
    assert (config.reward_mean, config.params) == (0.5, {"seed": 0} | {"head": config.params["head"]})


def test_the_adapter_opens_in_mlx_lm(saved: tuple[Path, RewardNetwork], backbone: Path) -> None:
    model, _ = mlx_lm_load(str(backbone), adapter_path=str(saved[0]))
    assert model(mx.array([[1, 2]])).shape == (1, 2, 259)


def test_another_backbone_is_refused(saved: tuple[Path, RewardNetwork], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="was trained on another backbone"):
        checkpoint.load(saved[0], tiny.write_backbone(tmp_path / "other"))


@pytest.mark.parametrize(
    "name", ["adapters.safetensors", "reward_head.safetensors", "adapter_config.json", "reward_config.json"]
)
@pytest.mark.parametrize("damage", [Path.unlink, lambda p: p.write_bytes(p.read_bytes()[:20])])
def test_a_damaged_checkpoint_is_one_line(saved: tuple[Path, RewardNetwork], backbone: Path, name: str, damage) -> None:  # type: ignore[no-untyped-def]
    damage(saved[0] / name)
    with pytest.raises(InputError, match="run `dvc repro train`") as caught:
        checkpoint.load(saved[0], backbone)
    assert "\n" not in str(caught.value)


def test_a_newer_format_is_refused(saved: tuple[Path, RewardNetwork]) -> None:
    path = saved[0] / "reward_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 99}))
    with pytest.raises(InputError, match="format_version is 99, this release reads 1"):
        checkpoint.read_config(saved[0])
