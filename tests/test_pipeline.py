"""dvc.yaml against the code: nothing a stage uses may be missing from its deps, or it goes stale silently."""

from pathlib import Path

import pytest
import yaml

from stages import paths
from tests.imports import ROOT, closure

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
ORDER = ["base", "data", "split", "train", "calibrate", "eval", "report", "gate"]


def declared(stage: str, kind: str) -> list[str]:
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in STAGES[stage].get(kind, [])]


@pytest.mark.parametrize("stage", ORDER)
def test_deps_are_exactly_the_modules_a_stage_imports(stage: str) -> None:
    modules = {d for d in declared(stage, "deps") if d.endswith(".py")}
    wanted = closure(f"stages/{stage}.py")
    assert modules == wanted, f"deps of {stage} should be:\n" + "\n".join(f"      - {d}" for d in sorted(wanted))


@pytest.mark.parametrize("stage", ORDER)
def test_each_stage_declares_its_own_section_whole(stage: str) -> None:
    assert {"report": "gate"}.get(stage, stage) in STAGES[stage]["params"]  # the report shows whether the gate is open
    assert STAGES[stage]["cmd"] == f"python -m stages.{stage}"


def test_the_stages_are_those_of_the_recipe() -> None:
    assert list(STAGES) == ORDER


def test_no_path_is_written_by_two_stages_and_every_path_in_code_is_declared() -> None:
    outs = [o for stage in ORDER for kind in ("outs", "metrics", "plots") for o in declared(stage, kind)]
    assert len(outs) == len(set(outs))
    for name in ("BASE", "PAIRS", "REJECTED_ROWS", "TRAIN", "VALID", "TEST", "REWARD_MODEL", "CALIBRATION"):
        assert str(getattr(paths, name)) in outs


@pytest.mark.parametrize("stage", ORDER)
def test_stages_are_short(stage: str) -> None:
    assert len((ROOT / "stages" / f"{stage}.py").read_text().splitlines()) < 60


def test_imports_point_one_way() -> None:
    """Leaves know nothing of mlx_lm, the stages know the package and never the other way round."""
    for file in (ROOT / "mlx_reward").rglob("*.py"):
        text = file.read_text()
        assert "from stages" not in text, file
        assert "import dvc" not in text, file
    for leaf in ("preferences", "losses", "metrics", "calibration"):
        assert "mlx_lm" not in (ROOT / "mlx_reward" / f"{leaf}.py").read_text(), leaf
    for path in map(Path, closure("stages/split.py") | closure("stages/data.py")):
        assert "import mlx.core" not in (ROOT / path).read_text(), f"{path} makes data and split start slowly"
