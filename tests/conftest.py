from pathlib import Path

import mlx.core as mx
import pytest

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.load import load_backbone
from mlx_reward.model import checkpoint
from mlx_reward.model.adapters import adapter_config, with_adapters
from mlx_reward.training.state import trainable_weights
from mlx_reward.utils.files import write_json
from tests import tiny


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quantized tiny llama, as stage `base` would leave it."""
    return tiny.write_backbone(tmp_path_factory.mktemp("backbone") / "sft_merged_model", bits=4)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `checkpoints` as the stages leave it: backbone, reward model with random weights, temperature."""
    folder = tmp_path_factory.mktemp("trained") / "checkpoints"
    base = tiny.write_backbone(folder / "sft_merged_model", bits=4)
    lora = {"rank": 4, "scale": 2.0, "dropout": 0.1}
    model = with_adapters(load_backbone(base), 2, **lora)  # type: ignore[arg-type]  # by name
    mx.random.seed(3)
    model.head.weight = mx.random.normal(model.head.weight.shape)
    model.apply_to_modules(
        lambda _, m: "lora_b" in m and m.update({"lora_b": mx.random.normal(m.lora_b.shape)})
    )
    config = checkpoint.RewardConfig(
        "checkpoints/sft_merged_model", digest(base), tiny.CHATML, 200, 0.5, 2.0, {}
    )
    adapters = adapter_config(2, **lora)  # type: ignore[arg-type]  # by name
    checkpoint.save(folder / "rm_model_bt", [trainable_weights(model)], adapters, config)
    write_json(folder / "calibration.json", {"temperature": 2.0})
    return folder
