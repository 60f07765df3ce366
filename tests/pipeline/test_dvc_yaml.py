"""dvc.yaml against the code: nothing a stage runs may be missing from its deps, or it goes stale in
silence.
"""

import ast
import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import grimp
import pytest
import yaml

from mlx_reward.pipeline.paths import Paths
from mlx_reward.pipeline.run import STAGES
from tests import ROOT

PIPELINE: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
LONG = ("train",)  # stages that an unrelated edit must not run again


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("mlx_reward", exclude_type_checking_imports=True, cache_dir=None)


def module_file(module: str) -> str:
    path = Path(*module.split("."))
    return str(path / "__init__.py") if (ROOT / path).is_dir() else f"{path}.py"


def files_run(stage: str) -> set[str]:
    """The stage's script and every file of the package that it imports, also late and by way of
    packages' ``__init__``.
    """
    found: set[str] = set()
    waiting = {
        "mlx_reward.pipeline.run",
        f"mlx_reward.pipeline.{stage}",
    }  # which run.py imports by name
    while waiting:
        module = waiting.pop()
        found.add(module)
        parents = {module.rsplit(".", n)[0] for n in range(1, module.count(".") + 1)}
        waiting |= (graph().find_modules_directly_imported_by(module) | parents) - found
    return {f"stages/{stage}.py"} | {module_file(module) for module in found}


def deps(stage: str) -> list[str]:
    return list(PIPELINE["stages"][stage]["deps"])


def code_deps(stage: str) -> list[str]:
    return [d for d in deps(stage) if d.startswith(("mlx_reward", "stages"))]


def outs(stage: str) -> list[str]:
    entries = PIPELINE["stages"][stage].get("outs", []) + PIPELINE["stages"][stage].get(
        "metrics", []
    )
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def covers(dep: str, file: str) -> bool:
    return file == dep or file.startswith(f"{dep}/")


def test_the_stages_are_those_of_the_recipe() -> None:
    assert tuple(PIPELINE["stages"]) == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_every_file_that_a_stage_runs_lies_under_a_dep(stage: str) -> None:
    missing = sorted(f for f in files_run(stage) if not any(covers(d, f) for d in code_deps(stage)))
    assert not missing, f"add to the deps of {stage}: {', '.join(missing)}"


@pytest.mark.parametrize("stage", STAGES)
def test_every_dep_on_code_is_run_and_exists(stage: str) -> None:
    run = files_run(stage)
    unused = [d for d in code_deps(stage) if not any(covers(d, f) for f in run)]
    assert not unused, f"remove from the deps of {stage}: {', '.join(unused)}"
    assert all((ROOT / d).exists() for d in code_deps(stage))


@pytest.mark.parametrize("stage", LONG)
@pytest.mark.parametrize(
    "edited",
    [
        "data/formats/pairs.py",
        "report/charts.py",
        "cli/main.py",
        "evaluation/probes.py",
        "config/eval.py",
    ],
)
def test_an_unrelated_edit_does_not_train_again(stage: str, edited: str) -> None:
    assert (ROOT / "mlx_reward" / edited).exists()
    assert not any(covers(d, f"mlx_reward/{edited}") for d in code_deps(stage))


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_declares_its_own_section_whole(stage: str) -> None:
    assert stage in PIPELINE["stages"][stage]["params"]
    assert PIPELINE["stages"][stage]["cmd"] == f"python -m stages.{stage}"


def test_the_report_knows_every_setting_and_every_plot() -> None:
    """It names those that differ from the defaults, and shows the verdict of the gate."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert PIPELINE["stages"]["report"]["params"] == list(params)
    assert "metrics/plots" in deps("report")


def test_no_path_is_written_by_two_stages_and_every_path_in_code_is_declared() -> None:
    written = [out for stage in STAGES for out in outs(stage)]
    assert len(written) == len(set(written))
    not_outputs = {"metrics", "plots", "live"}  # folders of outputs, and curves that git ignores
    for field in dataclasses.fields(Paths):
        if field.name not in not_outputs:
            assert str(field.default) in written, field.name


def test_metrics_are_outputs() -> None:
    written = [out for stage in STAGES for out in outs(stage)]
    assert set(PIPELINE["metrics"]) <= set(written)


def test_dvc_yaml_can_be_read_in_one_go() -> None:
    """It once named 287 modules by hand."""
    assert len((ROOT / "dvc.yaml").read_text(encoding="utf-8").splitlines()) < 200


@pytest.mark.parametrize("stage", STAGES)
def test_scripts_only_call_the_pipeline(stage: str) -> None:
    tree = ast.parse((ROOT / "stages" / f"{stage}.py").read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"mlx_reward.pipeline.run"}


def imports(module: str) -> set[str]:
    """All that the file of ``module`` names in an import, at its top or within functions."""
    tree = ast.parse((ROOT / module_file(module)).read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


MODULES = sorted(m for m in graph().modules)


def test_no_room_imports_the_root_package_or_the_stages() -> None:
    """Facts of the root package are facts that nobody passes in."""
    assert not graph().find_modules_that_directly_import("mlx_reward")
    for module in MODULES:
        assert not any(name.split(".")[0] == "stages" for name in imports(module)), module


def test_only_the_pipeline_knows_dvc() -> None:
    """`from dvc`, which this test missed once, included. dvclive is a logger like another."""
    for module in MODULES:
        if any(name.split(".")[0] == "dvc" for name in imports(module)):
            assert module.startswith("mlx_reward.pipeline."), module


@pytest.mark.parametrize("room", ["utils", "config", "data", "evaluation", "report", "pipeline"])
def test_rooms_without_mlx_import_none(room: str) -> None:
    """Stages data, split, report and gate start without MLX; `import mlx.nn` counts as well as
    `mlx.core`. Stage train once ran on MLX's own BLAS, for it imported MLX before room cpu.
    """
    allowed = {"mlx_reward.utils.tensors"}  # where it is imported by the function that saves
    for module in MODULES:
        inside = f"{module}.".startswith(f"mlx_reward.{room}.")
        if inside and module not in allowed:
            assert not any(name.split(".")[0] in ("mlx", "mlx_lm") for name in imports(module)), (
                module
            )


@pytest.mark.parametrize("stage", ["data", "split", "report", "gate"])
def test_stages_without_a_model_run_no_room_that_loads_mlx(stage: str) -> None:
    with_mlx = (
        "cpu",
        "backbones",
        "model",
        "engine",
        "training",
        "inference",
        "exchange",
        "server",
    )
    assert not any(
        f.startswith(f"mlx_reward/{room}/") for f in files_run(stage) for room in with_mlx
    )
