"""Where this package came from, and how a part that is missing is added to it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlx_reward.utils import install
from mlx_reward.utils.errors import run
from tests import ROOT

WHEEL = {
    "url": "file:///wheels/mlx_reward-0.1-py3-none-any.whl",
    "archive_info": {"hashes": {"sha256": "abc"}},
}
FROM_WHEEL = "mlx-reward[{}] @ file:///wheels/mlx_reward-0.1-py3-none-any.whl#sha256=abc"
CLONE = {"url": "https://git.example/r.git", "vcs_info": {"vcs": "git", "commit_id": "f00"}}
FROM_CLONE = "mlx-reward[{}] @ git+https://git.example/r.git@f00"
FOLDER = {"url": "file:///src/my%20r", "dir_info": {}}
EDITABLE = {"url": "file:///src/my%20r", "dir_info": {"editable": True}}


@pytest.mark.parametrize(
    ("direct_url", "line", "command"),
    [
        (None, "mlx-reward[{}]==0.1", "pip install 'mlx-reward[serve]==0.1'"),
        (WHEEL, FROM_WHEEL, f"pip install '{FROM_WHEEL.format('serve')}'"),
        (CLONE, FROM_CLONE, f"pip install '{FROM_CLONE.format('serve')}'"),
        (
            FOLDER,
            "mlx-reward[{}] @ file:///src/my%20r",
            "pip install 'mlx-reward[serve] @ file:///src/my%20r'",
        ),
        (
            EDITABLE,
            "mlx-reward[{}] @ file:///src/my%20r",
            "pip install -e '/src/my r[serve]'",
        ),
    ],
)
def test_the_package_is_had_again_from_where_it_was_installed(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    direct_url: object,
    line: str,
    command: str,
) -> None:
    """As pip records it; the packages stand in a folder of their own on sys.path."""
    for name in ("mlx_reward-0.1", "mlx_cpu-9.9"):
        info = tmp_path / f"{name}.dist-info"
        info.mkdir()
        package, version = name.split("-")
        metadata = f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: {version}\n"
        (info / "METADATA").write_text(metadata)
    if direct_url is not None:
        recorded = tmp_path / "mlx_reward-0.1.dist-info" / "direct_url.json"
        recorded.write_text(json.dumps(direct_url))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert install.requirement() == line.format("cpu")
    assert install.requirement("pipeline") == line.format("cpu,pipeline")
    assert install.install_command("serve") == command
    assert install.package_version() == "0.1"


def test_a_package_that_is_not_installed_is_had_from_its_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert install.install_command("hub") == f"pip install -e '{ROOT}[hub]'"
    assert install.package_version() == "0+source"


@pytest.mark.parametrize(("module", "extra"), install.EXTRAS.items())
def test_a_module_of_an_extra_that_is_missing_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert run(lambda: __import__(f"{module}.part")) == 1
    line = capsys.readouterr().err
    assert line.startswith(
        f"error: {module} is not installed, which the extra '{extra}' brings; pip"
    )
    assert line.count("\n") == 1
    assert f"[{extra}]" in line


def test_a_module_of_no_extra_that_is_missing_is_an_error_of_this_program() -> None:
    with pytest.raises(ModuleNotFoundError):
        run(lambda: __import__("no_such_module"))


def test_a_checkpoint_is_scored_without_the_extras(tmp_path: Path) -> None:
    """By every command over rows of scored texts, in a process that cannot import any of them."""
    model = ROOT / "tests" / "fixtures" / "checkpoint_format_1" / "rm_model_bt"
    (tmp_path / "rows.jsonl").write_text('{"prompt": "q", "responses": ["yes", "no"]}\n')
    code = f"""
import sys
for module in {list(install.EXTRAS)}:
    sys.modules[module] = None
from mlx_reward.cli.main import app
def run(line):
    app(line.split(), standalone_mode=False)
for command in ("score", "rank", "label"):
    run(f"{{command}} rows.jsonl -m {model} -o {{command}}.jsonl")
run("filter label.jsonl --by probability --top 1 -o kept.jsonl")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "kept.jsonl").read_text())["chosen"] in ("yes", "no")


def test_mlx_without_a_backend_is_one_line(tmp_path: Path) -> None:
    """As `pip install mlx` leaves it on Linux, where the library comes with another package."""
    package = tmp_path / "mlx"
    package.mkdir()
    (package / "__init__.py").touch()
    reason = "libmlx.so: cannot open shared object file: No such file or directory"
    (package / "core.py").write_text(f"raise ImportError({reason!r})\n")
    command = [sys.executable, "-m", "mlx_reward", "doctor"]
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "MLX has no backend here (libmlx.so" in done.stderr
    assert "[cpu]" in done.stderr
    assert "[cuda]" in done.stderr
