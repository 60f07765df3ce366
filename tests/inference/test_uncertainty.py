"""Uncertainty, distance and decisions of a saved model, by every door."""

from pathlib import Path

import numpy as np
import pytest

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.load import load_backbone
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.ensemble import Ensemble
from mlx_reward.evaluation.risk_control import Promises
from mlx_reward.evaluation.uncertainty import save
from mlx_reward.inference.label import Filters, label_rows
from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.inference.score import rank_output, score_output
from mlx_reward.model import checkpoint
from mlx_reward.model.adapters import adapter_config, with_adapters
from mlx_reward.model.checkpoint_config import RewardConfig
from mlx_reward.pipeline.uncertainty import fit_uncertainty
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import write_json
from tests import tiny
from tests.engine.test_ensemble import LORA, random_members
from tests.toy import dataset

PROMPTS, RESPONSES = ["q", "q", "another"], ["aeiou", "no, not at all", "perhaps"]
SURE = {"choosing": [[2.0]] * 40, "testing": [[2.0]] * 40}  # every margin of 2 is right


def saved(folder: Path, backbone: Path, members: int, head: str = "linear") -> RewardModel:
    """A model with random weights, as stages train and calibrate leave it."""
    model = with_adapters(load_backbone(backbone), 2, head=head, **LORA)
    params = {"members": members, "head": head}
    config = RewardConfig(str(backbone), digest(backbone), tiny.CHATML, 200, 0.5, 2.0, params)
    weights = random_members(model, members)
    checkpoint.save(folder / "rm", weights, adapter_config(2, **LORA), config)
    write_json(folder / "calibration.json", {"temperature": 1.0, "promises": SURE})
    ensemble = Ensemble(Engine(model), weights)
    save(folder / "uncertainty.safetensors", fit_uncertainty(ensemble, dataset(30), dataset(12, 1)))
    return RewardModel.load(folder / "rm", backbone)


@pytest.mark.parametrize(("members", "head"), [(1, "linear"), (1, "mlp"), (2, "linear")])
def test_a_reward_is_the_same_with_its_uncertainty_which_has_two_parts(
    tmp_path: Path, backbone: Path, members: int, head: str
) -> None:
    model = saved(tmp_path, backbone, members, head)
    scores = model.score_details(PROMPTS, RESPONSES)
    assert model.has_uncertainty
    alone = model.ensemble.score(
        [model.encode(*both) for both in zip(PROMPTS, RESPONSES, strict=True)]
    )
    assert scores.rewards == pytest.approx(alone.mean(axis=0), abs=1e-4)
    assert scores.between == pytest.approx(alone.std(axis=0), abs=1e-4)
    assert scores.within.min() > 0
    assert scores.uncertainties**2 == pytest.approx(scores.between**2 + scores.within**2)
    assert (scores.between > 1e-3).all() == (members > 1)
    assert scores.distances.min() > 0
    penalized = model.score(PROMPTS, RESPONSES, uncertainty_penalty=2.0)
    assert penalized == pytest.approx(scores.rewards - 2 * scores.uncertainties, abs=1e-4)


def test_rows_carry_it_and_the_distance_where_it_is_asked_for(
    tmp_path: Path, backbone: Path
) -> None:
    model = saved(tmp_path, backbone, 2)
    rows = [{"prompt": "q", "response": "aeiou"}, {"prompt": "q", "chosen": "a", "rejected": "b"}]
    plain, pair = score_output(model, rows, distance=True).rows
    scores = model.score_details(["q"], ["aeiou"])
    for name, column in (
        ("uncertainty", scores.uncertainties),
        ("uncertainty_between", scores.between),
        ("uncertainty_within", scores.within),
        ("distance", scores.distances),
    ):
        assert plain[name] == pytest.approx(column[0], abs=1e-3)
        assert f"{name}_chosen" in pair
    without = score_output(model, [rows[0] | plain]).rows[0]
    assert "distance" not in without  # nor one that the row brings along
    ranked = rank_output(model, [{"prompt": "q", "responses": RESPONSES}])
    assert len(ranked.rows[0]["uncertainties_within"]) == 3
    assert len(ranked.distances) == 3


def test_files_of_other_weights_are_left_out_and_damaged_ones_refused(
    tmp_path: Path, backbone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = saved(tmp_path, backbone, 1)
    network = with_adapters(load_backbone(backbone), 2, **LORA)
    others = random_members(network, 2)[1:]
    config = model.config
    checkpoint.save(tmp_path / "rm", others, adapter_config(2, **LORA), config)
    retrained = RewardModel.load(tmp_path / "rm", backbone)
    assert not retrained.has_uncertainty
    assert "run `dvc repro calibrate`" in capsys.readouterr().err
    with pytest.raises(InputError, match="--distance: .*dvc repro calibrate"):
        score_output(retrained, [{"prompt": "q", "response": "a"}], distance=True)
    path = tmp_path / "uncertainty.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="no whole safetensors file"):
        RewardModel.load(tmp_path / "rm", backbone)


def test_decide_gives_the_better_one_or_abstains(tmp_path: Path, backbone: Path) -> None:
    model = saved(tmp_path, backbone, 1)
    rewards = model.score(["q"] * 3, RESPONSES)
    order = np.argsort(rewards)
    worst, best = RESPONSES[order[0]], RESPONSES[order[-1]]
    margin = float(rewards.max() - rewards.min())

    def promises(size: float) -> Promises:
        return Promises([[size]] * 40, [[size]] * 40)

    model.promises = promises(margin * 0.99)
    assert model.decide("q", best, worst) == best
    assert model.decide("q", worst, best) == best
    assert model.decide("q", best, best) is None
    rows = [{"prompt": "q", "responses": [best, worst]}]
    assert len(label_rows(model, rows, "dpo", "all", Filters(max_error=0.1)).rows) == 1
    model.promises = promises(margin * 1.01)
    assert model.decide("q", best, worst) is None
    left = label_rows(model, rows, "dpo", "all", Filters(max_error=0.1))
    assert (left.rows, dict(left.left_out)) == ([], {"pairs beyond --max-error": 1})
    with pytest.raises(InputError, match=r"40 held-out prompts .*the best is 0.06"):
        model.decide("q", best, worst, max_error=0.01)
    model.promises = Promises()
    with pytest.raises(InputError, match="no share can be"):
        model.decide("q", best, worst)
