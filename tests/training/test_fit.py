"""Members of an ensemble differ by their seed alone, and share the zero of their rewards."""

from collections.abc import Callable
from pathlib import Path

import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from mlx_reward.backbones.load import load_backbone
from mlx_reward.engine.engine import Engine
from mlx_reward.model.adapters import with_adapters
from mlx_reward.training import fit as fit_module
from mlx_reward.training.distributed import SINGLE_PROCESS
from mlx_reward.training.fit import Fitted, fit, sample_texts
from mlx_reward.training.state import StateFile
from mlx_reward.training.tracking import silent
from tests.toy import dataset, settings, weights

DATA = dataset(36)
VALID = dataset(9, seed=1)


def make_engine(backbone: nn.Module, fine_tune_type: str = "lora") -> Engine:
    lora = {"rank": 4, "scale": 2.0, "dropout": 0.0}
    return Engine(with_adapters(backbone, 2, **lora, fine_tune_type=fine_tune_type))


def fit_two(
    backbone: Path, folder: Path, make: Callable[[nn.Module], Engine] = make_engine
) -> Fitted:
    return fit(
        lambda: load_backbone(backbone),
        make,
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


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_members_share_the_frozen_arrays_and_start_from_the_same_backbone(
    kind: str, backbone: Path, tmp_path: Path
) -> None:
    """A second backbone was once loaded while the first was alive: twice the memory."""
    networks, starts = [], []

    def make(own: nn.Module) -> Engine:
        engine = make_engine(own, kind)
        networks.append(engine.network)
        starts.append(weights(engine.network))
        return engine

    fit_two(backbone, tmp_path, make)
    first, second = (dict(tree_flatten(network.parameters())) for network in networks)
    frozen = first.keys() - starts[0].keys()
    assert frozen
    assert all(first[name] is second[name] for name in frozen)
    alike = [name for name in starts[0] if np.array_equal(starts[0][name], starts[1][name])]
    drawn = [name for name in starts[0] if name not in alike]
    assert all(name.endswith("lora_a") for name in drawn)
    assert len(drawn) == (14 if kind == "lora" else 0)


def test_the_sample_is_of_whole_prompts_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_module, "SAMPLE", 6)
    prompts = [f"prompt {text // 3}" for text in range(30)]
    drawn = sample_texts(prompts, seed=0)
    assert len(drawn) == len(set(drawn)) == 6
    assert len({prompts[text] for text in drawn}) == 2
    assert drawn != sample_texts(prompts, seed=1)
    assert sorted(sample_texts(prompts[:4], seed=0)) == [0, 1, 2, 3]
