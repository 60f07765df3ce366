"""Several models over one backbone: their mean and deviation, the same as each alone."""

from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_map
from mlx_lm.tuner.lora import LoRALinear

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.load import load_backbone
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.ensemble import Ensemble, mean_and_deviation
from mlx_reward.exchange.fuse import fuse
from mlx_reward.inference.label import Filters, label_rows
from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.inference.score import rank_rows, score_rows
from mlx_reward.model import checkpoint
from mlx_reward.model.adapters import adapter_config, with_adapters
from mlx_reward.model.checkpoint_config import RewardConfig
from mlx_reward.model.network import RewardNetwork
from mlx_reward.training.state import trainable_weights
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import write_json
from tests import tiny
from tests.toy import dataset

LORA = {"rank": 4, "scale": 2.0, "dropout": 0.0}


def network(base: Path, layers: int = 2) -> RewardNetwork:
    return with_adapters(load_backbone(base), layers, **LORA)


def random_members(model: RewardNetwork, count: int) -> list[dict[str, object]]:
    mx.random.seed(5)
    return [
        tree_map(lambda p: p + 0.3 * mx.random.normal(p.shape), trainable_weights(model))
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    "layers", [2, -1]
)  # with frozen blocks below, which run once for all, and without
def test_each_member_scores_as_it_would_alone(backbone: Path, layers: int) -> None:
    model, data = network(backbone, layers), dataset(12)
    ensemble = Ensemble(Engine(model), random_members(model, 3))
    together = ensemble.score(data.texts)
    for own, member in zip(together, ensemble.members, strict=True):
        model.update(member)
        assert own == pytest.approx(Engine(model).score(data.texts), abs=1e-4)
    assert np.std(together, axis=0).min() > 1e-3
    assert np.array_equal(mean_and_deviation(together)[0], together.mean(axis=0))


def adapted(engine: Engine) -> bool:
    return any(isinstance(part, LoRALinear) for _, part in engine.network.named_modules())


@pytest.mark.parametrize("layers", [2, -1])
def test_one_alone_has_its_adapters_merged_and_the_same_rewards(
    backbone: Path, layers: int
) -> None:
    """Also over features of the frozen blocks, which are the same ones; and the model that is
    trained keeps its adapters.
    """
    model, data = network(backbone, layers), dataset(12)
    [member] = random_members(model, 1)
    model.update(member)
    model.eval()
    apart = Engine(model)
    expected = apart.score(data.texts)
    merged = Ensemble(apart, [member])
    inner = merged.engines[0]
    assert merged.score(data.texts)[0] == pytest.approx(expected, abs=5e-5)
    assert inner.frozen_blocks == apart.frozen_blocks
    if apart.frozen_blocks:
        known = apart.features(data.texts)
        found = merged.score(data.texts, features=known)[0]
        assert found == pytest.approx(expected, abs=5e-5)
    assert [adapted(inner), adapted(apart)] == [False, True]
    assert np.array_equal(apart.score(data.texts), expected)


def test_equal_texts_run_once_and_get_equal_rewards(backbone: Path) -> None:
    model, data = network(backbone), dataset(12)
    ensemble = Ensemble(Engine(model), random_members(model, 2))
    twice = ensemble.score(data.texts * 2)
    assert np.array_equal(twice[:, : len(data.texts)], twice[:, len(data.texts) :])
    assert twice[:, : len(data.texts)] == pytest.approx(ensemble.score(data.texts), abs=1e-4)


@pytest.fixture
def saved(backbone: Path, tmp_path: Path) -> RewardModel:
    model = network(backbone)
    config = RewardConfig(
        str(backbone), digest(backbone), tiny.CHATML, 200, 0.5, 2.0, {"members": 3}
    )
    checkpoint.save(tmp_path / "rm", random_members(model, 3), adapter_config(2, **LORA), config)
    write_json(tmp_path / "calibration.json", {"temperature": 1.0})
    return RewardModel.load(tmp_path / "rm", backbone)


def test_a_saved_ensemble_tells_how_unsure_it_is(saved: RewardModel) -> None:
    prompts, responses = ["q", "q", "another"], ["yes", "no, not at all", "perhaps"]
    means, deviations = saved.score_with_uncertainty(prompts, responses)
    assert deviations.min() > 1e-3
    assert saved.score(prompts, responses, uncertainty_penalty=2.0) == pytest.approx(
        means - 2 * deviations
    )
    ranked = saved.rank("q", responses, uncertainty_penalty=2.0)
    assert ranked[0]["score"] == pytest.approx(
        max(saved.score(["q"] * 3, responses, uncertainty_penalty=2.0)), abs=1e-4
    )


def test_rows_carry_the_uncertainty(saved: RewardModel) -> None:
    single, pair = score_rows(
        saved, [{"prompt": "q", "response": "a"}, {"prompt": "q", "chosen": "a", "rejected": "b"}]
    )
    assert single["uncertainty"] == pytest.approx(pair["uncertainty_chosen"], abs=1e-4)
    (ranked,) = rank_rows(
        saved, [{"prompt": "q", "responses": ["a", "bb", "ccc"]}], uncertainty_penalty=1.0
    )
    assert sorted(ranked["rewards"], reverse=True) == ranked["rewards"]
    order = [ranked["responses"].index(r) for r in ("a", "bb", "ccc")]
    plain = saved.score_with_uncertainty(["q"] * 3, ["a", "bb", "ccc"])[1]
    assert [ranked["uncertainties"][i] for i in order] == pytest.approx(plain, abs=1e-4)


def test_labels_of_an_ensemble_carry_its_uncertainty_and_can_be_chosen_by_it(
    saved: RewardModel,
) -> None:
    row = {"prompt": "q", "responses": ["a", "bb", "ccc", "dddd"]}
    found = label_rows(saved, [dict(row)], "dpo", "all", Filters()).rows
    unsure = [max(pair["uncertainty_chosen"], pair["uncertainty_rejected"]) for pair in found]
    middle = sorted(unsure)[1]
    kept = label_rows(saved, [dict(row)], "dpo", "all", Filters(max_uncertainty=middle)).rows
    assert [p["rejected"] for p in kept] == [
        p["rejected"] for p, u in zip(found, unsure, strict=True) if u <= middle
    ]
    assert "uncertainty" in label_rows(saved, [dict(row)], "kto", "worst", Filters()).rows[0]


@pytest.mark.parametrize("member", [0, 4])
def test_a_member_that_is_not_there_is_refused_in_words(
    saved: RewardModel, tmp_path: Path, member: int
) -> None:
    """Its calibration was looked up before it was known to be there: IndexError, or another's for
    0.
    """
    own = [{"temperature": 1.0}] * 3
    write_json(tmp_path / "calibration.json", {"temperature": 1.0, "members": own})
    with pytest.raises(InputError, match=f"--member {member}: the model has 3"):
        fuse(tmp_path / "rm", Path(saved.config.base), tmp_path / "fused", member)
