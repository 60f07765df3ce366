"""Fixtures that several rooms share: a backbone, the checkpoints of a small model, a browser."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.load import load_backbone
from mlx_reward.model import checkpoint
from mlx_reward.model.adapters import adapter_config, with_adapters
from mlx_reward.model.checkpoint_config import RewardConfig
from mlx_reward.training.state import trainable_weights
from mlx_reward.utils.files import write_json
from tests import tiny


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, driven by Playwright; tests of pages are skipped where there is none."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield running
        running.close()


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quantized tiny llama, as stage `base` would leave it."""
    return tiny.write_backbone(tmp_path_factory.mktemp("backbone") / "sft_merged_model", bits=4)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the stages leave it: backbone, reward model with random weights, temperature."""
    folder = tmp_path_factory.mktemp("trained") / "checkpoints"
    base = tiny.write_backbone(folder / "sft_merged_model", bits=4)
    lora = {"rank": 4, "scale": 2.0, "dropout": 0.1}
    model = with_adapters(load_backbone(base), 2, **lora)
    mx.random.seed(3)
    model.head.weight = mx.random.normal(model.head.weight.shape)
    for _, module in model.named_modules():
        if "lora_b" in module:  # zero at first, so that the adapters would change nothing
            module.lora_b = mx.random.normal(module.lora_b.shape)
    config = RewardConfig(
        base="checkpoints/sft_merged_model",
        base_digest=digest(base),
        chat_template=tiny.CHATML,
        max_seq_length=200,
        reward_mean=0.5,
        reward_std=2.0,
        params={},
    )
    checkpoint.save(
        folder / "rm_model_bt", [trainable_weights(model)], adapter_config(2, **lora), config
    )
    write_json(folder / "calibration.json", {"temperature": 2.0})
    return folder
