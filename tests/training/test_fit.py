"""Members of an ensemble differ by their seed alone, and share the zero of their rewards."""

from pathlib import Path

import numpy as np
import pytest

from mlx_reward.backbones.load import load_backbone
from mlx_reward.engine.engine import Engine
from mlx_reward.model.adapters import with_adapters
from mlx_reward.training import fit as fit_module
from mlx_reward.training.distributed import SINGLE_PROCESS
from mlx_reward.training.fit import Fitted, fit, sample_texts
from mlx_reward.training.state import StateFile
from mlx_reward.training.tracking import silent
from tests.toy import dataset, settings

DATA = dataset(36)
VALID = dataset(9, seed=1)


def fit_two(backbone: Path, folder: Path) -> Fitted:
    def make_engine() -> Engine:
        lora = {"rank": 4, "scale": 2.0, "dropout": 0.0}
        return Engine(with_adapters(load_backbone(backbone), 2, **lora))

    return fit(
        make_engine,
        DATA,
        VALID,
        settings(members=2, epochs=1, frozen_cache="off"),
        backbone_digest="digest",
        state_files=[StateFile(folder / f"{number}.safetensors", "run") for number in range(2)],
        data_parallel=SINGLE_PROCESS,
        log=silent,
    )


def test_members_differ_by_seed_and_are_centred(backbone: Path, tmp_path: Path) -> None:
    """Bradley-Terry leaves the zero open; a constant difference must not look like doubt."""
    fitted = fit_two(backbone, tmp_path)
    first, second = fitted.ensemble.score(DATA.texts)
    assert abs(first.mean()) < 0.05
    assert abs(second.mean()) < 0.05
    assert np.abs(first - second).max() > 1e-3
    assert fitted.metrics()["members"].keys() == {"1", "2"}
    assert fitted.reward_std == pytest.approx((first + second).std() / 2)  # all texts are sampled
    again = fit_two(backbone, tmp_path)  # finished: nothing is left to train
    assert np.array_equal(again.ensemble.score(DATA.texts)[1], second)
    assert again.log_histories[1].losses == fitted.log_histories[1].losses


def test_the_sample_is_of_whole_prompts_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_module, "SAMPLE", 6)
    prompts = [f"prompt {text // 3}" for text in range(30)]
    drawn = sample_texts(prompts, seed=0)
    assert len(drawn) == len(set(drawn)) == 6
    assert len({prompts[text] for text in drawn}) == 2
    assert drawn != sample_texts(prompts, seed=1)
    assert sorted(sample_texts(prompts[:4], seed=0)) == [0, 1, 2, 3]
